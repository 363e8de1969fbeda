// What a worker says that it serves. For this module only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace nn::client {

struct Offer {
  std::map<std::uint64_t, std::string> versions;  // and their digests
  std::map<std::string, std::uint64_t, std::less<>> labels;
};
using Offers = std::map<std::string, Offer, std::less<>>;

// The report of models that worker/service.cpp makes. Data error for anything else.
Offers parse_offers(std::string_view text);

// Is it among them, with these bytes?
bool has_version(const Offers& offers, std::string_view model, std::uint64_t version,
                 std::string_view digest);

}  // namespace nn::client
