#include "format/findings.hpp"

#include <fmt/format.h>

namespace nn::format {

void Findings::add_unlabelled(const std::string& input, std::int64_t row, std::string place) {
  const std::lock_guard lock(mutex_);
  auto& rows = unlabelled_[input];
  if (rows.size() < most_rows) rows.emplace(row, std::move(place));
}

void Findings::add_input(std::string name, std::int64_t first_row) {
  const std::lock_guard lock(mutex_);
  inputs_.emplace_back(first_row, std::move(name));
}

std::string Findings::place_of(std::int64_t row) const {
  const std::lock_guard lock(mutex_);
  const std::pair<std::int64_t, std::string>* input = nullptr;
  for (const auto& each : inputs_) {
    if (each.first <= row) input = &each;
  }
  if (input == nullptr) return {};
  const std::int64_t row_there = row - input->first;
  const auto rows = unlabelled_.find(input->second);
  if (rows != unlabelled_.end()) {
    const auto place = rows->second.find(row_there);
    if (place != rows->second.end()) return place->second;
  }
  return fmt::format("{}: row {}", input->second, row_there);
}

std::string Findings::unlabelled() const {
  constexpr int most = 3;
  const std::lock_guard lock(mutex_);
  std::string list;
  int count = 0;
  for (const auto& [first_row, input] : inputs_) {
    const auto rows = unlabelled_.find(input);
    if (rows == unlabelled_.end()) continue;
    for (const auto& [row, place] : rows->second) {
      if (count++ == most) return list + " and more";
      list += (list.empty() ? "" : ", ") + place;
    }
  }
  return list;
}

void Findings::add_open(std::string column) {
  const std::lock_guard lock(mutex_);
  open_.insert(std::move(column));
}

bool Findings::is_open(std::string_view column) const {
  const std::lock_guard lock(mutex_);
  return open_.find(column) != open_.end();
}

void Findings::decide_open(Field field) {
  const std::lock_guard lock(mutex_);
  std::string name = field.name;
  decided_.emplace(std::move(name), std::move(field));
}

std::optional<Field> Findings::decided(std::string_view column) const {
  const std::lock_guard lock(mutex_);
  const auto found = decided_.find(column);
  return found == decided_.end() ? std::nullopt : std::optional(found->second);
}

void Findings::begin_again() {
  const std::lock_guard lock(mutex_);
  began_again_ = true;
}

bool Findings::began_again() const {
  const std::lock_guard lock(mutex_);
  return began_again_;
}

void Findings::add_padded(std::string column) {
  const std::lock_guard lock(mutex_);
  padded_.insert(std::move(column));
}

bool Findings::is_padded(std::string_view column) const {
  const std::lock_guard lock(mutex_);
  return padded_.find(column) != padded_.end();
}

void Findings::forget_open() {
  const std::lock_guard lock(mutex_);
  open_.clear();
}

}  // namespace nn::format
