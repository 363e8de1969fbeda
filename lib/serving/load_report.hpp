// How a version's steps are made on its devices, and why: for people and metrics.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace nn::serving {

struct CostPoint {
  std::int64_t rows = 0;
  double seconds = 0;  // of a step of so many
};

struct DeviceLoad {
  std::string device;
  std::string member;  // of an ensemble, that is computed there; else empty
  // Seconds of a step of n rows, as measured: at powers of two, and about base + slope * n.
  std::vector<CostPoint> curve;
  double base = 0, slope = 0;
  std::int64_t best_rows = 0;         // n*: the most rows of a step, so that it takes half the SLO at most
  double mean_rows = 0;               // of the recent steps
  std::uint64_t steps = 0, rows = 0;  // in all
  std::vector<std::uint64_t> steps_by_rows;  // [i]: steps of at most 2^i rows, and of more than 2^(i-1)
  std::int64_t waiting_rows = 0;             // of all versions, on this device
  std::int64_t own_waiting_rows = 0;         // of this version
  std::chrono::microseconds wait{0};         // that is predicted for a request that comes now
  bool newest_first = false;                 // too much has waited for too long
};

// How a member of an ensemble has done since the ensemble was loaded.
struct MemberLoad {
  std::string name, where;  // its device, or its endpoints
  double weight = 1;
  std::uint64_t answered = 0, failed = 0, late = 0;  // requests
  std::string fault;  // why it doesn't answer now, as far as is known; empty: it does
};

// Cells with texts that the model has no category for, since it was loaded.
struct UnknownTexts {
  std::string column;
  std::uint64_t cells = 0;
};

struct LoadReport {
  std::chrono::microseconds slo{0};  // 0: none
  // What it takes in memory, roughly: weights, of which CPU devices share one copy, and the values of steps.
  std::uint64_t weight_bytes = 0, step_bytes = 0;
  bool finite = true;  // all numbers that it answered in its warm-up were
  std::vector<DeviceLoad> devices;
  std::vector<UnknownTexts> unknown;  // of each column of categories; of all members together
  std::vector<MemberLoad> members;    // of an ensemble
  std::size_t quorum = 0;             // of them
  std::uint64_t incomplete = 0;       // requests that were answered without all members
};

}  // namespace nn::serving
