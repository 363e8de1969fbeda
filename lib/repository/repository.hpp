// A worker's models come from a repository: a file, or a folder BASE/<version number>/model.nn as
// TensorFlow Serving and Triton lay it out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"

namespace nn::repository {

// A policy says which versions of a repository are served: latest:N, all, specific:1,3.
struct VersionPolicy {
  enum class Kind : std::uint8_t { latest, all, specific } kind = Kind::latest;
  std::uint64_t count = 1;              // latest
  std::vector<std::uint64_t> versions;  // specific
};
VersionPolicy parse_version_policy(std::string_view text);  // usage error

struct ModelSpec {
  std::string name;
  std::string path;  // a model file, or a repository
  bool repository = false;
  VersionPolicy policy;
  bool named = false;  // by whoever gave the path
};

// "NAME=PATH", or "PATH" alone: the file's name without its ending is the model's.
ModelSpec parse_model_spec(std::string_view text);
// "NAME=BASE" or "BASE": the folder's own name.
ModelSpec parse_repository_spec(std::string_view text);

using nn::FileStamp;

struct FoundVersion {
  std::uint64_t version;
  std::string path;
  FileStamp stamp;        // of an ensemble's file and of all that it is made of
  bool ensemble = false;  // the file says which models it is made of (ensemble/ensemble_file.hpp)
  bool odd = false;       // of OddVersion
};

// A version whose number is there, and nothing that could be loaded.
struct OddVersion {
  FoundVersion version;  // path and stamp are those of what is odd
  std::string reason;
  bool empty = false;  // its folder is: what belongs there may be on its way
};

// A folder that looks like a model's or a version's, and is none.
struct LeftOut {
  std::string path;
  std::string reason;
};

struct Contents {
  std::vector<FoundVersion> versions;     // ascending; only complete ones: publishing is a rename
  std::vector<OddVersion> odd;            // ascending
  std::vector<LeftOut> left_out;          // by their names
  std::vector<FoundVersion> all() const;  // the odd ones among the others, ascending
};
// What is there. A file has the one version 1, and nothing odd. Nothing is opened but the folder: a FIFO in a
// model's place is waited for by nobody. Io error where the folder or file can't be read.
Contents look_into(const ModelSpec& spec);
// The versions alone.
std::vector<FoundVersion> find_versions(const ModelSpec& spec);
// Returns the versions of `found` that the policy wants, in their order.
std::vector<FoundVersion> choose_versions(std::vector<FoundVersion> found, const VersionPolicy& policy);

}  // namespace nn::repository
