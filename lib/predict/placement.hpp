// Members of an ensemble as people write them: MODEL[@DEVICE][*WEIGHT].
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backend/device.hpp"

namespace nn::predict {

struct Member {
  std::string model;  // path
  std::optional<backend::Device> device;
  double weight = 1;
};

// A model's path may contain '@' and '*': only a last "*NUMBER" is a weight and only a
// last "@DEVICE" that parses as one is a device. Usage error for a weight that is not
// above 0.
Member parse_member(std::string_view text);

// The devices of members that name none: `given`, or, when there are several members and
// nothing is given, an even share of the usable cores each.
std::vector<backend::Device> place_members(const std::vector<Member>& members,
                                           const std::optional<backend::Device>& given);

}  // namespace nn::predict
