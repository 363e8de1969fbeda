// The worker: a process that holds a device and computes there what clients ask for.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/device.hpp"
#include "format/arrow/stream.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "repository/repository.hpp"

namespace nn::worker {

struct WorkerOptions {
  std::vector<net::Endpoint> listen;
  bool stdio = false;  // serve one client on stdin and stdout, and end with it
  std::vector<repository::ModelSpec> models;
  repository::VersionPolicy policy;  // of repositories
  double poll_s = 1;                 // how often they are looked at; 0: on SIGHUP and request only
  backend::Device device;
  backend::Precision precision = backend::Precision::float32;

  std::int64_t max_inflight = 1024;  // requests of all clients; one more is answered `busy`
  std::int64_t max_connections = 256;
  std::uint64_t max_frame = format::default_max_frame;
  std::uint64_t max_memory = 96u << 20;  // of all clients' messages that are being read, wait or are computed
  std::chrono::milliseconds idle_timeout{600'000};  // of a connection without a sign of life; 0: none
  std::int64_t batch_max = 1024;
  std::chrono::microseconds batch_delay{0};
  std::chrono::milliseconds drain_timeout{30'000};

  std::string train_folder;                   // for checkpoints of trainings; empty: clients can't train
  std::uint64_t max_rows_bytes = 4ull << 30;  // of one training

  net::TlsFiles tls;       // for endpoints with tls://
  std::string token_file;  // clients must know what is in it; empty: none
  // Who may load and unload models: those who know this token, or come in here. Without both: processes of
  // this machine that are of the worker's user, or root's.
  std::string admin_token_file;
  std::vector<net::Endpoint> admin;
  std::string log;  // JSON lines; empty: none
  // Called once, when connections are accepted: the endpoints as bound.
  std::function<void(const std::vector<net::Endpoint>&)> on_ready;
};

// Serves until SIGTERM or SIGINT, then drains: no new connection or request, those under way are
// answered, at most for drain_timeout. A second signal ends the process at once. SIGHUP looks for
// new versions. With `stdio`, also ends with the client. Usage errors for options that contradict
// each other, data errors for models, io errors for sockets; unavailable when requests were lost
// at the end of the drain.
void serve(const WorkerOptions& options);

}  // namespace nn::worker
