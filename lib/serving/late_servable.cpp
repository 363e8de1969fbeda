#include "serving/late_servable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"

namespace nn::serving {
namespace {

constexpr std::size_t most_bound = 16;  // tables: a server has a few for each version

}  // namespace

LateServable::LateServable(std::string name, std::uint64_t version, std::string where,
                           std::function<void()> on_failure)
    : Servable(std::move(name), version),
      where_(std::move(where)),
      on_failure_(std::move(on_failure)),
      why_(make_error(ErrorKind::unavailable, "no worker has answered yet").within_file(where_)) {}

std::string LateServable::misfit(const Servable& servable) const {
  std::string differs = predict::difference(*kind_, "it", servable.kind(), "what is there");
  if (!differs.empty()) return differs;
  const std::shared_ptr<const Schema> wanted = servable.inputs();
  for (const Field& field : wanted->fields) {
    const auto known = inputs_->find(field.name);
    if (!known || inputs_->fields[*known].shape != field.shape)
      return fmt::format("column '{}' is wanted there", printable(field.name));
  }
  return "";
}

void LateServable::arrive(std::shared_ptr<Servable> servable) {
  std::vector<Bound> before;  // freed after the lock
  const std::lock_guard lock(mutex_);
  if (kind_) {
    if (turn_away_misfit(*servable, before)) return;
  } else {
    kind_ = servable->kind();
    inputs_ = servable->inputs();
    digest_ = servable->digest();
  }
  std::swap(there_, servable);
  why_.reset();
  gone_.reset();
  before = std::exchange(bound_, {});
  changed_.notify_all();
}

void LateServable::miss(const Error& why) {
  const std::lock_guard lock(mutex_);
  (there_ ? gone_ : why_) = why;
}

std::optional<Error> LateServable::wait_until(Clock::time_point when) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, when, [&] { return there_ != nullptr; });
  return there_ ? std::nullopt : why_;
}

void LateServable::expect(const predict::PredictionKind& kind, std::shared_ptr<const Schema> inputs) {
  std::vector<Bound> before;  // freed after the lock
  const std::lock_guard lock(mutex_);
  kind_ = kind;
  inputs_ = std::move(inputs);
  if (there_) turn_away_misfit(*there_, before);
}

bool LateServable::turn_away_misfit(const Servable& servable, std::vector<Bound>& before) {
  const std::string differs = misfit(servable);
  if (differs.empty()) return false;
  // Clients can't help it, and aren't told where it is.
  why_ = make_error(ErrorKind::unavailable, "another model is there: {}", differs).within_file(where_);
  there_.reset();
  gone_.reset();
  before = std::exchange(bound_, {});
  return true;
}

std::optional<Error> LateServable::absence() const {
  const std::lock_guard lock(mutex_);
  return there_ ? std::nullopt : why_;
}

std::optional<Error> LateServable::fault() const {
  const std::lock_guard lock(mutex_);
  return there_ ? gone_ : why_;
}

std::shared_ptr<const Schema> LateServable::outputs() const {
  return predict::PredictionBuilder(*kind_, *inputs_, false, {}).schema();
}

std::shared_ptr<Servable> LateServable::there() const {
  const std::lock_guard lock(mutex_);
  return there_;
}

std::chrono::microseconds LateServable::predicted_wait(std::int64_t rows, Priority priority) const {
  const auto servable = there();
  return servable ? servable->predicted_wait(rows, priority) : std::chrono::microseconds(0);
}

BoundTable LateServable::bind(const Schema& table) const {
  if (const auto servable = there()) servable->bind(table);  // which says what is wrong with it
  return {};
}

std::shared_ptr<const Binding> LateServable::binding_of(const std::shared_ptr<const Schema>& table) {
  std::shared_ptr<Servable> there;
  {
    const std::lock_guard lock(mutex_);
    if (!there_) throw *why_;
    for (const Bound& bound : bound_) {
      if (bound.table == table) return bound.binding;
    }
    there = there_;
  }
  std::shared_ptr<const Binding> binding = serving::bind(there, *table);
  std::vector<Bound> before;
  const std::lock_guard lock(mutex_);
  if (there_ != there) return binding;
  if (bound_.size() >= most_bound) before = std::exchange(bound_, {});
  bound_.push_back({table, binding});
  return binding;
}

bool LateServable::submit(std::shared_ptr<Request> request) {
  used(request->arrived);
  try {
    request->binding = binding_of(request->rows.schema);
  } catch (...) {
    request->error = error_of(std::current_exception());
    request->state = Request::State::failed;
    const auto completion = std::move(request->completion);
    completion->complete({&request, 1});
    return true;
  }
  return request->binding->servable->submit(request);
}

}  // namespace nn::serving
