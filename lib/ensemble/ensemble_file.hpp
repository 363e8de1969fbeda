// An ensemble as a version of a model: BASE/<version>/ensemble.toml in place of a model's file.
//
//   rule = "mean"          # as --rule; left out: weighted where a weight is given, else mean
//   quorum = 2             # members that must have answered; left out: all
//   deadline_ms = 50       # who hasn't answered by then is left out, if the quorum has; left out: all are
//   waited for
//
//   [[member]]
//   model = "iris"         # a version of a model beside this one: ../../iris/3/model.nn
//   version = 3
//   device = "cpu:1"       # left out: the server chooses
//   weight = 2.0           # left out: 1
//   [[member]]
//   file = "b.nn"          # or a file in this version's folder
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/device.hpp"
#include "ensemble/combiner.hpp"

namespace nn::ensemble {

struct EnsembleFile {
  struct Member {
    std::string name;  // for people: "iris/3", "b.nn"
    std::string path;
    std::optional<backend::Device> device;
    double weight = 1;
  };
  std::vector<Member> members;            // 1 to most_members
  Combination combination;                // automatic or a rule
  std::size_t quorum = 0;                 // from 1 to all
  std::chrono::milliseconds deadline{0};  // 0: none

  static constexpr std::size_t most_members = 64, most_bytes = std::size_t{1} << 20;
};

// `text` is what the file at `path` holds, most_bytes at most; members' paths follow from the latter. Data
// errors with the line.
EnsembleFile parse_ensemble(std::string_view text, const std::string& path);

}  // namespace nn::ensemble
