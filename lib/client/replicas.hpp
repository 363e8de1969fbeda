// Blocks of rows over many workers: to one of several replicas each, or to all members of an
// ensemble. For this module only.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client/connection.hpp"

namespace nn::client {

struct ReplicasOptions {
  std::vector<net::Endpoint> endpoints;
  ConnectionOptions connection;
  bool ensemble = false;
  std::size_t quorum = 0;                 // ensemble: members that suffice; 0: all
  std::chrono::microseconds deadline{0};  // for a block, from when it is sent; 0: none
  std::chrono::microseconds hedge{0};     // replicas: ask a second one after; 0: never
};

// The result of a block: one answer of replicas, those of the members that were there in an
// ensemble.
struct ReplicasResult {
  struct Part {
    std::size_t member;
    RemoteAnswer answer;
  };
  std::vector<Part> parts;  // by member
};

// The network runs in a thread of its own; these are for one other.
class Replicas {
 public:
  // `table` is the schema of the rows. Throws when the first answer to connecting is an error,
  // or none comes; see kind().
  Replicas(ReplicasOptions options, const std::shared_ptr<const Schema>& table);
  ~Replicas();

  // Waits for the workers: any replica, or all members (as many as the quorum, after the time
  // to connect). Data error when they answer different things.
  predict::PredictionKind kind();

  // Blocks that may be under way.
  std::size_t depth() const;
  // Numbers are consecutive from 0. The rows' memory is shared until the block is done.
  void submit(std::uint64_t number, Batch rows);
  // Waits for block `number`, ascending. Throws what makes going on impossible; unavailable
  // errors are worth retrying later.
  ReplicasResult wait(std::uint64_t number);

  // After the last: who was missing, and from how many rows.
  struct Member {
    std::string name, digest;
    std::uint64_t rows = 0, missed = 0;
    std::string error;       // the last
    bool unreached = false;  // there was never an answer to connecting, and nobody was told
  };
  std::vector<Member> members();

 private:
  struct Try {
    std::size_t replica;
    std::uint64_t id;
  };
  struct Block {
    Batch rows;
    Clock::time_point sent;
    std::vector<Try> open;             // requests under way
    std::vector<std::size_t> unasked;  // ensemble: members that are to be asked yet
    std::map<std::size_t, RemoteAnswer> answers;
    bool is_sent = false, hedged = false;
  };
  struct Replica {
    std::shared_ptr<Connection> connection;
    bool dropped = false;   // ensemble: for good
    bool late = false;      // ensemble: missed a deadline; not waited for until it is in time again
    bool reported = false;  // replicas: that it wasn't reached
    std::uint64_t rows = 0, missed = 0;
    std::string digest, error;
  };

  // All of these in the network's thread.
  void changed();
  void check_kinds();
  void tick();
  void work();
  void dispatch();
  void send_to_members();
  void send(std::uint64_t number, Block& block, std::size_t index);
  void on_outcome(std::uint64_t number, std::size_t index, Clock::time_point sent,
                  std::variant<RemoteAnswer, RemoteFailure> outcome);
  void failed(std::uint64_t number, Block& block, std::size_t index, const RemoteFailure& failure);
  void hedge(std::uint64_t number, Block& block);
  void check_deadline(std::uint64_t number, Block& block, Clock::time_point now);
  void finish_if_complete(std::uint64_t number, bool deadline_passed);
  void drop(std::size_t index, const Error& why);
  void check_reachable(Clock::time_point now);
  std::optional<std::size_t> free_replica(std::optional<std::size_t> besides);
  std::size_t needed() const { return options_.quorum > 0 ? options_.quorum : replicas_.size(); }
  std::size_t alive() const;
  void stop(const Error& error);

  ReplicasOptions options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  Clock& clock_ = net::clock_of(io_);
  net::Timer timer_{io_.get_executor()};
  std::vector<Replica> replicas_;
  std::map<std::uint64_t, Block> blocks_;
  std::deque<std::uint64_t> pending_;  // replicas: blocks to be given out
  std::size_t turn_ = 0;               // of equally free replicas
  bool failed_ = false;

  std::mutex mutex_;
  std::condition_variable done_;
  std::map<std::uint64_t, ReplicasResult> results_;
  std::optional<predict::PredictionKind> kind_;
  std::exception_ptr error_;

  std::thread thread_;
};

}  // namespace nn::client
