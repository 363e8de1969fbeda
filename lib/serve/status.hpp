// How a server and its models do, for people: as a page, as text and as JSON. For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "serve/metrics.hpp"
#include "serving/load_report.hpp"

namespace nn::serve {

struct VersionStatus {
  std::uint64_t number = 0;
  std::string state;   // TensorFlow Serving's name
  std::string reason;  // of an end
  std::string labels;  // "stable, canary"
  std::string digest;
  std::uint64_t requests = 0, faults = 0, rows = 0, under_way = 0;
  std::uint64_t p50_us = 0, p99_us = 0;  // since it was loaded; 0: it has answered nothing
  double idle_s = -1;                    // since its last answer; -1: it has given none
  double load_s = -1;                    // that loading took; -1: unknown
  TimeCounts times;
  serving::LoadReport load;
};

struct ModelStatus {
  std::string name;
  std::string reason;                   // why its repository can't be read; empty: it can
  double rate = 0;                      // requests a second, lately
  std::vector<VersionStatus> versions;  // the newest first
  std::uint64_t live = 0;               // what answers whoever names none; 0: there is none
  std::vector<std::string> wrong_labels;
  std::optional<TrafficView> traffic;
};

struct ServerStatus {
  bool ready = false, draining = false;
  double uptime_s = 0;
  ProcessFigures process;
  std::int64_t connections = 0, under_way = 0;
  std::uint64_t requests = 0, faults = 0;
  std::vector<ModelStatus> models;
  std::vector<client::RemoteCatalog::WorkerReport> workers;  // that it is in front of
  std::vector<History::Sample> samples;                      // the oldest first
  std::vector<History::Fault> recent;                        // the newest first
  Reloads::State reload;
  Clock::time_point now;
};

ServerStatus status_of(const Service& service, Clock::time_point now);

std::string status_json(const ServerStatus& status);
// Lines for a terminal. Names are printable.
std::string status_text(const ServerStatus& status);
// HTML that loads nothing. `nonce` is the one that the field content-security-policy allows its script by.
std::string status_page(const ServerStatus& status, std::string_view nonce);
std::string status_policy(std::string_view nonce);

// "2026-11-30 21:04:05 UTC: version 3 was rolled back: its p95 ...", of a line of a model's history; what is
// no such line is printable.
std::string decision_text(std::string_view line);

// "up", "down", "left out".
std::string_view state_of(const client::WorkerFigures& worker);
// "1.2 ms", "350 us", "2.1 s"; "-" for 0.
std::string time_text(std::uint64_t us);
std::string count_text(double value);  // "12.3", "1,234"

}  // namespace nn::serve
