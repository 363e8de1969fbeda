// A version of a model whose answer to a row is its column a, and a step of which waits while a test wants it
// to.
#pragma once

#include <cmath>
#include <condition_variable>
#include <mutex>

#include "../ensemble/table.hpp"
#include "serving/batcher.hpp"

namespace nn::test {

class FakeServable : public serving::LocalServable {
 public:
  explicit FakeServable(std::string name = "m", std::uint64_t version = 1)
      : LocalServable(std::move(name), version, nullptr), digest_(this->name() + std::to_string(version)) {}

  const std::string& digest() const override { return digest_; }
  const predict::PredictionKind& kind() const override { return kind_; }
  std::shared_ptr<const Schema> inputs() const override { return Table().f32("a", {0}).batch().schema; }
  std::shared_ptr<const Schema> outputs() const override {
    return predict::PredictionBuilder(kind_, Schema{}, false, {}).schema();
  }
  std::optional<Error> absence() const override { return absent; }
  serving::BoundTable bind(const Schema& table) const override {
    if (!table.find("a")) fail_data("the table has no column 'a'");
    return {};
  }
  std::int64_t work_per_row() const override { return work; }
  std::uint64_t bytes() const override { return memory; }
  void compute(std::span<const predict::PredictorInput> inputs, float* out) override {
    std::unique_lock lock(mutex_);
    ++entered_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !held_; });
    if (!device_error_.empty()) throw Error(ErrorKind::device, device_error_);
    std::vector<std::int64_t> rows;
    for (const predict::PredictorInput& input : inputs) {
      const float* a = input.batch->columns[*input.batch->schema->find("a")].as<float>();
      rows.push_back(input.batch->rows);
      for (std::int64_t row = 0; row < input.batch->rows; ++row) {
        if (!std::isfinite(a[row])) fail_data("row {}: not a number", input.batch->first_row + row);
        *out++ = a[row];
      }
    }
    steps.push_back(std::move(rows));
  }

  using LocalServable::computed_by;

  // From here on steps wait for release().
  void hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  // What ends from here on ends so.
  void fail_device(std::string error) {
    const std::lock_guard lock(mutex_);
    device_error_ = std::move(error);
  }
  // Until so many steps have begun.
  void wait_for_step(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return entered_ >= count; });
  }
  void release() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }

  std::int64_t work = 1'000'000'000;
  std::uint64_t memory = 0;
  std::optional<Error> absent;                   // as whoever looks finds it
  std::vector<std::vector<std::int64_t>> steps;  // rows of each part of each step that went well

 private:
  std::string digest_;
  predict::PredictionKind kind_{false, false, {}, {}};
  std::mutex mutex_;
  std::condition_variable changed_;
  int entered_ = 0;
  bool held_ = false;
  std::string device_error_;
};

// A request for these rows, whose number counts from 0.
template <typename Request = serving::Request>
std::shared_ptr<Request> request_of(const std::shared_ptr<serving::Servable>& servable, std::vector<float> a,
                                    std::uint64_t client = 1) {
  auto request = std::make_shared<Request>();
  request->rows = Table().f32("a", std::move(a)).batch();
  request->binding = serving::bind(servable, *request->rows.schema);
  request->client = client;
  request->bytes = 100;
  return request;
}

inline std::vector<float> values_of(const Batch& answers) {
  const float* values = answers.columns[*answers.schema->find("value")].as<float>();
  return {values, values + answers.rows};
}
inline std::vector<float> values_of(const serving::Request& request) {
  return request.answers ? values_of(*request.answers) : std::vector<float>();
}

}  // namespace nn::test
