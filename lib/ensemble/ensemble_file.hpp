// An ensemble as a version of a model: BASE/<version>/ensemble.toml in place of a model's file.
//
//   rule = "mean"          # as --rule; left out: weighted where a weight is given, else mean
//   quorum = 2             # members that must have answered; left out: all
//   deadline_ms = 50       # who hasn't answered by then is left out, if the quorum has; left out: all are
//                          # waited for
//
//   [[member]]
//   model = "iris"         # a version of a model beside this one: ../../iris/3/model.nn
//   version = 3
//   device = "cpu:1"       # left out: the server chooses
//   weight = 2.0           # left out: 1
//   [[member]]
//   file = "b.nn"          # or a file in this version's folder
//   [[member]]
//   model = "iris"         # or a version of a model that workers have
//   version = 4
//   at = ["tcp://h1:7000", "tcp://h2:7000"]
//
// The endpoints are those that run no command: tcp://, tls:// and unix:. The rule "stack:c.nn" is a file in
// this version's folder, "stack:iris/3" a version of a model beside this one, which learned from what the
// members answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/device.hpp"
#include "ensemble/combination.hpp"

namespace nn::ensemble {

struct EnsembleFile {
  // A model's file: one of this version's folder, or a version of a model.
  struct Part {
    std::string name;           // for people: "iris/3", "b.nn"
    std::string path;           // of the file, if it is on this machine
    std::string model;          // empty: it is a file of this version's folder
    std::uint64_t version = 0;  // of the model
  };
  struct Member : Part {
    std::vector<std::string> at;  // endpoints of workers that have it; none: it is computed here
    std::optional<backend::Device> device;
    double weight = 1;
  };
  std::vector<Member> members;            // 1 to most_members
  Combination combination;                // automatic, a rule, or stack, whose model is stack->path
  std::optional<Part> stack;              // never at endpoints
  std::size_t quorum = 0;                 // from 1 to all
  std::chrono::milliseconds deadline{0};  // 0: none

  bool is_weighted() const;         // a member has another weight than 1
  std::vector<Part> local() const;  // those that are read on this machine

  static constexpr std::size_t most_members = 64, most_endpoints = 64;
  static constexpr std::size_t most_bytes = std::size_t{1} << 20;
};

// `text` is what the file at `path` holds, most_bytes at most; members' paths follow from the latter. Data
// errors with the line. Whether the members are there, and what they are, is not looked at.
EnsembleFile parse_ensemble(std::string_view text, const std::string& path);

}  // namespace nn::ensemble
