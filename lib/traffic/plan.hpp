// How requests for a model that name no version are shared out among its arms, and how a new version comes to
// be the stable one: BASE/traffic.toml, or what a command line says.
//
//   sticky = "header:X-User-Id"     # who gets the same arm again; absent: nobody
//   salt = "spring"                 # those of different salts are independent; absent: the model's name
//   shadow = "canary=20%"           # runs a share of the requests there as well, whose answers nobody sees
//   [split]                         # weights, of any scale
//   stable = 95
//   canary = 5                      # a label
//   "version:7" = 1
//   "model:forest/2" = 1            # another model's version
//   [canary]                        # or a judge, instead of a split
//   auto = true
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nn::traffic {

inline constexpr char plan_file[] = "traffic.toml";
inline constexpr std::size_t most_arms = 16;
inline constexpr std::size_t longest_plan = 1u << 20;  // bytes

// What answers: a label of the model ("stable", "canary"), a version of it ("version:7"), or another model
// ("model:forest", "model:forest/2", "model:forest:stable").
struct Target {
  std::string model = {};     // empty: the model itself
  std::uint64_t version = 0;  // 0: none is named
  std::string label = {};     // empty: none is named
  bool operator==(const Target&) const = default;
};
Target parse_target(std::string_view text);  // usage error
std::string to_text(const Target& target);

struct Arm {
  Target target;
  double weight = 0;  // of any scale, from 0
  bool operator==(const Arm&) const = default;
};

// What of a request decides about its arm.
struct Key {
  enum class From : std::uint8_t {
    random,      // nothing
    header,      // header:NAME, in lower case here
    cookie,      // cookie:NAME
    set_cookie,  // set-cookie:NAME: a cookie that the server gives to who has none
    id,          // the request's id
    query,       // query:NAME
    ip,          // the client's address
    input        // its rows
  } from = From::random;
  std::string name = {};
  bool operator==(const Key&) const = default;
};
Key parse_key(std::string_view text);  // usage error
std::string to_text(const Key& key);   // "random" for random

struct Shadow {
  Target target;
  double percent = 0;  // of the requests, above 0, up to 100
  bool operator==(const Shadow&) const = default;
};
Shadow parse_shadow(std::string_view text);  // "canary=20%"; usage error
std::string to_text(const Shadow& shadow);

inline constexpr std::uint64_t most_min_requests = 1'000'000'000;

// The judge's rules (judge.hpp).
struct CanaryPolicy {
  bool automatic = false;                        // a new version becomes canary, not stable
  double shadow_percent = 0;                     // of the requests, before any user gets it
  std::uint64_t shadow_requests = 0;             // that are compared then; 0: no shadow
  std::vector<double> steps{1, 5, 25, 50, 100};  // percent of the users, rising
  std::uint64_t min_requests = 300;              // of canary and control, in a step, for the first look
  std::chrono::milliseconds min_time{60'000};    // of a step
  double max_error_increase = 0.005;             // of the share of requests that fail; absolute
  double max_p95_ratio = 1.25;                   // canary / control
  double min_agreement = 0;                      // of shadow rows; 0: it is reported only
  double max_nonfinite = 0;                      // share of answers that aren't finite where the other's are
  double min_capacity_ratio = 0.75;              // of the rows that a device computes in a second
  double confidence = 0.99;
  enum class Inconclusive : std::uint8_t { hold, rollback, promote } inconclusive = Inconclusive::hold;
  std::string on_verdict;  // a program that gets each decision's line on its standard input; empty: none
  bool operator==(const CanaryPolicy&) const = default;
};

struct TrafficPlan {
  std::vector<Arm> arms;  // none: whoever names no version gets the stable one
  Key key;
  std::string salt;
  std::optional<Shadow> shadow;
  CanaryPolicy canary;
  bool operator==(const TrafficPlan&) const = default;
};

// `path` is for messages. Data error, with the line, for anything that isn't exactly this.
TrafficPlan parse_plan(std::string_view text, const std::string& path);
// What parse_plan() makes the same plan of.
std::string to_toml(const TrafficPlan& plan);

// BASE/traffic.toml; nothing where there is none. Data and io errors.
std::optional<TrafficPlan> read_plan(const std::string& base);
// By rename: servers see the one or the other. Io errors.
void write_plan(const std::string& base, const TrafficPlan& plan);
bool remove_plan(const std::string& base);  // false where there is none

// "stable=95", "version:7=1". Usage error.
Arm parse_arm(std::string_view text);
// Usage error for arms that are named twice, too many, or all of weight 0.
void check_arms(const std::vector<Arm>& arms);

// "iris:stable=95,canary=5": a model and its arms; "iris:canary=20%". Usage errors.
std::pair<std::string, std::vector<Arm>> parse_split(std::string_view text);
std::pair<std::string, Shadow> parse_model_shadow(std::string_view text);

}  // namespace nn::traffic
