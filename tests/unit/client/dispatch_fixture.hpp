// Blocks of rows over fake workers, and what became of them.
#pragma once

#include <map>
#include <set>

#include "client/members.hpp"
#include "client/replicas.hpp"
#include "fake_workers.hpp"

namespace nn::test {

class DispatchFixture {
 public:
  explicit DispatchFixture(std::size_t workers) : w(workers) {
    options.workers = w.connections;
    options.stream.model = "m";
    options.stream.table = Table().f32("a", {0}).batch().schema;
  }
  ~DispatchFixture() {
    if (dispatcher) dispatcher->stop();
  }

  void replicas(client::ReplicasOptions how = {}) {
    start(std::make_unique<client::Replicas>(w.io, options, how, events()));
  }
  void members(std::size_t quorum) {
    start(std::make_unique<client::Members>(w.io, options, quorum, events()));
  }
  void start(std::unique_ptr<client::Dispatcher> it) {
    dispatcher = std::move(it);
    dispatcher->start();
    w.start();
  }
  client::Dispatcher::Events events() {
    client::Dispatcher::Events events;
    events.ready = [](const predict::PredictionKind&) {};
    events.answered = [this](std::uint64_t number, client::BlockAnswer answer) {
      ++told[number];
      std::vector<float>& values = done[number];
      for (const auto& part : answer.parts) {
        const auto more = values_of(part.answer);
        values.insert(values.end(), more.begin(), more.end());
      }
    };
    events.failed = [this](std::uint64_t number, const Error& error) {
      ++told[number];
      failed.emplace_back(error.what());
    };
    events.broken = [this](const Error& error) { broken.emplace_back(error.what()); };
    events.dropped = [this](std::size_t worker) { dropped.push_back(worker); };
    return events;
  }
  static Batch rows(std::vector<float> a) { return Table().f32("a", std::move(a)).batch(); }
  void submit(std::uint64_t number, std::vector<float> a) {
    expected.insert(number);
    dispatcher->submit(number, rows(std::move(a)));
    w.run();
  }
  // All workers answer whatever they have, until nobody has anything.
  void answer_all() {
    for (std::size_t answered = 1; answered > 0;) {
      answered = 0;
      for (auto& worker : w.workers) answered += worker->answer_all();
      w.run();
    }
  }

  // What must hold once everything is answered: each block was told once, nobody waits for anything.
  std::vector<std::string> problems() const {
    std::vector<std::string> out;
    for (const std::uint64_t number : expected) {
      const auto count = told.find(number);
      const int times = count == told.end() ? 0 : count->second;
      if (times != 1) out.push_back(fmt::format("block {} was told {} times", number, times));
    }
    for (const auto& [number, times] : told) {
      if (!expected.contains(number)) out.push_back(fmt::format("block {} was not asked for", number));
    }
    for (std::size_t worker = 0; worker < w.workers.size(); ++worker) {
      const auto left = dispatcher->rows_under_way(worker);
      if (left != 0) out.push_back(fmt::format("{} rows are under way at worker {}", left, worker));
    }
    if (dispatcher->blocks() != 0) out.push_back(fmt::format("{} blocks wait", dispatcher->blocks()));
    return out;
  }

  FakeWorkers w;
  client::DispatchOptions options;
  std::unique_ptr<client::Dispatcher> dispatcher;
  std::set<std::uint64_t> expected;
  std::map<std::uint64_t, int> told;
  std::map<std::uint64_t, std::vector<float>> done;
  std::vector<std::string> failed, broken;
  std::vector<std::size_t> dropped;
};

}  // namespace nn::test
