// Which arm a request gets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "traffic/plan.hpp"

namespace nn::traffic {

// Constant, for any thread; no call allocates.
//
// A key's place is u = XXH3_64(salt, key) / 2^64, of the bytes of both one after the other. With two arms of
// weights 1 - w and w it gets the second where u < w: an arm that grows only gains keys, and none comes back.
// The first is `stable`, where that is one of them. With more arms each has a u of its own, of the key's hash
// and the arm's name, and that with the largest -weight / ln(u) gets it (weighted rendezvous hashing): where
// weights change, no more keys move than must.
class Router {
 public:
  // No arms: all requests are stable's. REQUIRES: check_arms() has found them good.
  Router(std::vector<Arm> arms, std::string_view salt);

  const std::vector<Arm>& arms() const { return arms_; }
  // The arm that takes the place of one that isn't there: `stable`, or else the heaviest.
  std::size_t fallback() const { return fallback_; }
  double share(std::size_t arm) const { return shares_[arm]; }  // of all keys

  std::uint64_t hash(std::string_view key) const noexcept;

  struct Choice {
    std::uint8_t arm = 0;
    // Of two arms: it is among the keys of the first that are as many as those of the second, for
    // comparisons: u in [w, 2w), or all that there are.
    bool control = false;
    bool fell_back = false;  // it was another's
  };
  // `available` has the bit 1 << i for each arm that answers.
  Choice choose(std::uint64_t hash, std::uint32_t available = ~0u) const noexcept;

 private:
  std::size_t of_many(std::uint64_t hash) const noexcept;

  std::string salt_;
  std::vector<Arm> arms_;
  std::vector<double> shares_;
  std::vector<std::uint64_t> names_;  // arms' hashes
  std::size_t fallback_ = 0;
  std::size_t second_ = 0;  // of two
};

// The value of a cookie in a Cookie field, and of a parameter in a query, as they stand there; "" for none.
std::string_view cookie_value(std::string_view field, std::string_view name);
std::string_view query_value(std::string_view query, std::string_view name);
// A number in [0, 1) of a hash, for shares of requests.
double unit_of(std::uint64_t hash);
// Another hash of one, independent of it for another purpose.
std::uint64_t mixed(std::uint64_t hash, std::uint64_t purpose);

}  // namespace nn::traffic
