#include "http/exchange.hpp"

#include <cstring>
#include <span>

namespace nn::http {

void Fields::add(std::string_view lower_case_name, std::string_view value) {
  const auto at = static_cast<std::uint32_t>(text_.size());
  const auto name_size = static_cast<std::uint32_t>(lower_case_name.size());
  text_ += lower_case_name;
  text_ += value;
  places_.push_back({at, name_size, at + name_size, static_cast<std::uint32_t>(value.size())});
}

void Fields::add_lowered(std::string_view name, std::string_view value) {
  const std::size_t at = text_.size();
  add(name, value);
  // Without a branch, so that many are done at once.
  for (char& c : std::span(text_).subspan(at, name.size()))
    c = static_cast<char>(c + (c >= 'A' && c <= 'Z' ? 'a' - 'A' : 0));
}

std::optional<std::string_view> Fields::find(std::string_view lower_case_name) const {
  for (const Place& place : places_) {
    if (place.name_size != lower_case_name.size()) continue;
    const char* const text = text_.data();
    if (std::memcmp(text + place.name, lower_case_name.data(), place.name_size) != 0) continue;
    return std::string_view(text + place.value, place.value_size);
  }
  return std::nullopt;
}

void Fields::clear() {
  text_.clear();
  places_.clear();
}

std::pair<std::string_view, std::string_view> Fields::operator[](std::size_t index) const {
  const std::string_view text = text_;
  const Place& place = places_[index];
  return {text.substr(place.name, place.name_size), text.substr(place.value, place.value_size)};
}

void Response::clear() {
  status = 200;
  content_type = "application/json";
  fields.clear();
  body.clear();
  may_compress = close = false;
  grpc_status = StatusCode::ok;
  grpc_message.clear();
  trailers.clear();
}

}  // namespace nn::http
