// Model repositories: BASE/<version number>/model.nn.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nn::repository {

// What a version that is published must be.
enum class Fit : std::uint8_t {
  required,  // one that can take the live version's place: it has the same classes, and wants no other
             // columns
  warned,    // any; one that can't is put there with a warning
};

// Where a version is put: into a model's folder, as a version of its own or without one as the next.
struct Destination {
  std::string base;
  std::optional<std::uint64_t> version;
};

// Of a path that people name. One that ends in a version's number, where the folder above it has versions or
// isn't there, names the version, as TensorFlow Serving's tools write it: models/iris/3 is version 3 of
// models/iris. All others are a model's folder. Usage error for a version that is another than `version`, and
// for a number beside models, of which it would not be one.
Destination destination_of(const std::string& path, std::optional<std::uint64_t> version);

// Checks the model ("-" is stdin), or the ensemble with the models that it names, whose file ends in .toml
// (ensemble/ensemble_file.hpp), and puts a copy into the repository, with the files that the ensemble has
// beside it, which is made with its parents if it
// isn't there, as `version`, or without one as the next after the highest that is there or was. The version
// is there complete or not at all, also after a crash, and several processes may publish at once: each gets a
// number of its own. A version that people let go before, and publish again, is wanted again. Returns the
// number. Data error where it is broken, has members that don't go together, or doesn't fit, or the version
// is there already or was found bad; usage error for a folder whose name no model can have.
std::uint64_t publish_model(const std::string& model, const std::string& base,
                            std::optional<std::uint64_t> version, Fit fit);

}  // namespace nn::repository
