// The inference server: models of this process's devices, or of workers, for clients of HTTP and gRPC.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "backend/device.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "repository/repository.hpp"
#include "serve/access.hpp"
#include "serve/capture.hpp"
#include "serving/door.hpp"
#include "traffic/options.hpp"

namespace nn::serve {

// What those who run a server want of it (operation_options.cpp).
struct OperationOptions {
  // Nothing: 5 s where Kubernetes runs it, which tells load balancers at the same time as the server, else 0.
  std::optional<std::chrono::milliseconds> drain_delay;
  std::chrono::milliseconds exit_idle{0};  // without a request for so long it ends; 0: never
  std::string access_log;                  // JSON lines; empty: none
  double log_sample = 1;                   // of the requests that went well, 0 to 1
  CaptureOptions capture;
  std::string token_file;           // empty: none
  std::optional<Scopes> anonymous;  // what is allowed without a token; nothing: as AccessRules have it
  std::string cors;                 // an origin, or "*"; empty: none
  bool triton_metrics = false;
};

struct ServeOptions {
  // Models and where they are computed.
  std::vector<repository::ModelSpec> models;
  repository::VersionPolicy policy;                // of repositories
  bool lazy = false;                               // models are loaded when somebody asks for them
  std::chrono::milliseconds idle_unload{0};        // those that nobody used for so long are let go; 0: never
  std::uint64_t memory = 0;                        // bytes of those that are loaded; 0: as many as they like
  std::chrono::milliseconds load_timeout{30'000};  // that requests wait for models that are loaded for them
  double poll_s = 1;  // how often they are looked at; 0: on SIGHUP and request only
  std::vector<backend::Device> devices;
  backend::Precision precision = backend::Precision::float32;

  // Workers that have the models, in place of the above.
  std::vector<net::Endpoint> at;
  std::vector<std::string> hosts;  // files of endpoints, read anew with SIGHUP
  net::Access worker_access;
  std::chrono::milliseconds hedge{0};  // a second worker is asked after; 0: never

  // Connections.
  std::vector<net::Endpoint> listen, admin, metrics_listen;
  std::int64_t threads = 1;  // that serve connections
  std::int64_t max_connections = 16384;
  std::uint64_t max_body = 64u << 20;
  std::uint64_t max_inflated = 256u << 20;
  std::uint64_t request_memory = 512u << 20;
  bool compress = false;
  bool strict_json = false;
  net::TlsFiles tls;

  // Which version answers who names none.
  traffic::TrafficOptions traffic;
  bool allow_pin = false;  // clients may name a version or label in the field x-nn-version

  // Load.
  std::int64_t max_rows = 65536;  // of a request
  std::int64_t batch_max = 1024;
  serving::DoorOptions door;
  int shed_status = 503;  // of requests that are refused because too much waits; 429 else

  // Life.
  std::chrono::milliseconds drain_timeout{25'000};
  std::string log;  // events, JSON lines; empty: none
  OperationOptions operations;
  // What was said of each option, by its name, and how that is read anew; for SIGHUP. Errors of reload()
  // leave all as it is.
  std::map<std::string, std::string> given;
  // The file of --config, and the lines of the options that come from it: for messages about files that they
  // name.
  std::string config_file;
  std::map<std::string, std::int64_t> config_lines;
  std::function<ServeOptions()> reload;
  // Called once, when connections are accepted: the endpoints as bound.
  std::function<void(const std::vector<net::Endpoint>&)> on_ready;
};

// Serves until SIGTERM or SIGINT, then drains: it says that it isn't ready any more, goes on for drain_delay,
// then takes no new connection and answers what is under way, at most for drain_timeout. A second signal ends
// the process at once. SIGHUP looks for new versions, opens logs anew, and reads configuration, tokens
// and certificates; SIGUSR1 prints how the server does to stderr. Usage errors
// for options that contradict each other, data errors for models, io errors for sockets; unavailable when
// requests were lost at the end of the drain.
void serve(const ServeOptions& options);

// Reads the files that the options name, and looks whether they go together, and whether those that will be
// written can be, these by the options that name them, without doing anything: errors as serve() has them.
void check(const ServeOptions& options, const std::map<std::string, std::string>& written = {});

}  // namespace nn::serve
