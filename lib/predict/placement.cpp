#include "predict/placement.hpp"

#include <algorithm>

#include "backend/cpu_quota.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::predict {
namespace {

template <typename Parse>
auto parsed(Parse parse, std::string_view text) -> std::optional<decltype(parse(text))> {
  try {
    return parse(text);
  } catch (const Error&) {
    return std::nullopt;
  }
}

// Cores [first, last) of `cores`, at least one: more members than cores share them. All members together have
// at most `at_once`, unless there are more members.
backend::Device share_of(const std::vector<int>& cores, std::size_t at_once, std::size_t index,
                         std::size_t count) {
  backend::Device device;
  const std::size_t first = index * cores.size() / count;
  const std::size_t most = std::max<std::size_t>((index + 1) * at_once / count - index * at_once / count, 1);
  const std::size_t last = std::min(std::max(first + 1, (index + 1) * cores.size() / count), first + most);
  device.cores.assign(cores.begin() + static_cast<std::ptrdiff_t>(first),
                      cores.begin() + static_cast<std::ptrdiff_t>(last));
  return device;
}

}  // namespace

Member parse_member(std::string_view text) {
  Member member;
  if (const auto star = text.rfind('*'); star != std::string_view::npos) {
    if (const auto weight = parsed(parse_number, text.substr(star + 1))) {
      if (!(*weight > 0)) fail_usage("weight {} of '{}' is not above 0", *weight, printable(text));
      member.weight = *weight;
      text = text.substr(0, star);
    }
  }
  if (const auto at = text.rfind('@'); at != std::string_view::npos) {
    if (const auto star = text.find('*', at); star != std::string_view::npos) {
      fail_usage("'{}' of '{}' is not a weight; write MODEL[@DEVICE][*WEIGHT]",
                 printable(text.substr(star + 1)), printable(text));
    }
    member.device = parsed(backend::parse_device, text.substr(at + 1));
    if (member.device) text = text.substr(0, at);
  }
  if (text.empty()) fail_usage("no model before device or weight; write MODEL[@DEVICE][*WEIGHT]");
  member.model = text;
  return member;
}

std::vector<backend::Device> place_members(const std::vector<Member>& members,
                                           const std::optional<backend::Device>& given) {
  const std::vector<int> cores = backend::usable_cores();
  std::vector<backend::Device> devices;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].device) {
      devices.push_back(*members[i].device);
    } else if (given) {
      devices.push_back(*given);
    } else {
      devices.push_back(members.size() > 1 && !cores.empty()
                            ? share_of(cores, backend::cores_at_once(), i, members.size())
                            : backend::Device{});
    }
  }
  return devices;
}

}  // namespace nn::predict
