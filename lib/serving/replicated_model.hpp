// A version of a model on several devices of this process.
#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "serving/local_model.hpp"

namespace nn::serving {

// A device, and what computes on it. The batcher must outlive what is computed by it.
struct Place {
  backend::Device device;
  Batcher* batcher = nullptr;
};

// What is known of a device that may compute some rows: when it will be free, and what a step costs there.
struct Offer {
  double wait = 0, base = 0, slope = 0;  // seconds
};
// How many of the rows each device should compute so that all are done as early as possible: those that
// are free too late get none, and none gets fewer than `least`. The sum is `rows`. Time in proportion to the
// square of the offers.
std::vector<std::int64_t> share_out(std::int64_t rows, std::span<const Offer> offers, std::int64_t least);

// Each request goes to the device that will have answered it first, as predicted; one of many rows is cut
// where several devices are done with it earlier. Devices of the same kind share the weights in memory.
// Thread-safe.
class ReplicatedModel : public Servable {
 public:
  // Loads the file once; a place at least. Errors as predict::Predictor has them.
  ReplicatedModel(std::string name, std::uint64_t version, const std::string& path,
                  std::span<const Place> places, backend::Precision precision);
  // Of servables that are there: for tests. One at least.
  ReplicatedModel(std::string name, std::uint64_t version,
                  std::vector<std::unique_ptr<LocalServable>> replicas);

  const std::string& digest() const override { return replicas_.front()->digest(); }
  const predict::PredictionKind& kind() const override { return replicas_.front()->kind(); }
  std::shared_ptr<const Schema> inputs() const override { return replicas_.front()->inputs(); }
  std::shared_ptr<const Schema> outputs() const override { return replicas_.front()->outputs(); }
  BoundTable bind(const Schema& table) const override { return replicas_.front()->bind(table); }

  bool try_now(Request& request) override;
  bool submit(std::shared_ptr<Request> request) override;
  std::chrono::microseconds predicted_wait(std::int64_t rows,
                                           Priority priority = Priority::normal) const override;
  bool is_crowded() const override;  // all devices are
  LoadReport report() const override;
  std::uint64_t bytes() const override;

  std::optional<std::chrono::nanoseconds> try_step(std::int64_t rows) override {
    return replicas_.front()->try_step(rows);
  }

  // On each device after the other, as LocalModel has it.
  void warm_up(const WarmUp& options);
  std::size_t size() const { return replicas_.size(); }

 private:
  std::size_t first_free(std::int64_t rows, Priority priority) const;
  std::vector<std::int64_t> shares_of(const Request& request) const;
  bool submit_pieces(const std::shared_ptr<Request>& request, std::span<const std::int64_t> shares);

  std::vector<std::unique_ptr<LocalServable>> replicas_;
  std::vector<LocalModel*> models_;             // those of a file
  mutable std::atomic<std::uint32_t> turn_{0};  // where looking begins: devices that are alike take turns
};

}  // namespace nn::serving
