#include "serving/ensemble_members.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/signals.hpp"
#include "repository/ensemble_version.hpp"

namespace nn::serving {
namespace {

const Place& place_of(const ensemble::EnsembleFile::Member& member, std::span<const Place> places,
                      std::size_t& turn) {
  if (!member.device) return places[turn++ % places.size()];
  const std::string wanted = backend::to_string(*member.device);
  const auto place = std::find_if(places.begin(), places.end(),
                                  [&](const Place& p) { return backend::to_string(p.device) == wanted; });
  if (place == places.end()) fail_data("it is for {}, which is not a device here", wanted);
  return *place;
}

EnsembleModel::Member open_member(const ensemble::EnsembleFile& file,
                                  const ensemble::EnsembleFile::Member& member, std::span<const Place> places,
                                  std::size_t& turn, backend::Precision precision,
                                  const FindMember& find_member) {
  if (!member.at.empty()) {
    if (!find_member) fail_data("it is at workers, which only a server asks");
    const auto late = find_member(file, member);
    return {member.name, member.weight, late, late->where(), late};
  }
  const Place& place = place_of(member, places, turn);
  const std::uint64_t version = member.version == 0 ? 1 : member.version;
  return {
      member.name, member.weight,
      std::make_shared<LocalModel>(member.name, version, member.path, place.device, precision, place.batcher),
      backend::to_string(place.device), nullptr};
}

// A stacking model is computed by whoever brings the last member's answer: on one core, which needs no other
// thread.
backend::Device stack_device_of(std::span<const Place> places) {
  backend::Device device;
  for (const Place& place : places) {
    if (place.device.kind == backend::Device::Kind::cpu) {
      device = place.device;
      break;
    }
  }
  if (device.cores.empty()) device.cores = {backend::process_cores().front()};
  device.cores.resize(1);
  return device;
}

}  // namespace

std::unique_ptr<EnsembleModel> open_ensemble(const std::string& name, std::uint64_t version,
                                             const ensemble::EnsembleFile& file,
                                             std::span<const Place> places, backend::Precision precision,
                                             const FindMember& find_member) {
  repository::check_parts(file);
  const Clock::time_point patience_ends = Clock::machine().now() + member_patience;
  std::vector<EnsembleModel::Member> members;
  std::size_t turn = 0;
  for (const auto& member : file.members) {
    try {
      members.push_back(open_member(file, member, places, turn, precision, find_member));
    } catch (const Error& error) {
      throw error.within(fmt::format("member {}", member.name));
    }
  }
  // A signal may end that, where it is to end a start.
  constexpr std::chrono::milliseconds look{50};
  for (const auto& member : members) {
    while (member.late && member.late->absence() && Clock::machine().now() < patience_ends) {
      throw_if_stopped();
      member.late->wait_until(std::min(patience_ends, Clock::machine().now() + look));
    }
  }
  return std::make_unique<EnsembleModel>(
      name, version, std::move(members),
      EnsembleModel::Options{file.combination, file.quorum, file.deadline, stack_device_of(places)});
}

}  // namespace nn::serving
