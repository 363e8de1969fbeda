// A worker's side of a connection: a client sends these bytes and hangs up. The model that it may
// ask for is session.nn, of columns k (texts) and v (numbers).
#include "worker/session.hpp"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "../unit/protocol/checksums.hpp"
#include "fuzz.hpp"
#include "serving/batcher.hpp"
#include "serving/local_model.hpp"

using namespace nn;

namespace {

serving::LoaderOptions one_model(serving::Batcher& batcher) {
  serving::LoaderOptions options;
  options.models = {repository::parse_model_spec("digits=" NN_FUZZ_FOLDER "/session.nn")};
  options.open = [&batcher](const std::string& name, const repository::FoundVersion& version) {
    return std::make_unique<serving::LocalModel>(name, version.version, version.path, backend::Device{},
                                                 backend::Precision::float32, &batcher);
  };
  return options;
}

// What a worker has before the first client comes. The thread that loads models doesn't run.
struct Worker {
  worker::WorkerOptions options;
  asio::io_context io{1};
  serving::EventLog log{"/dev/null"};
  serving::CatalogHolder catalog;
  // Everything is computed at once: the batcher's thread would make runs differ.
  serving::Batcher batcher{{.limits = {}, .quick_work = 1e18}};
  serving::Loader loader{one_model(batcher), log, catalog, [] {}};
  worker::Service service{io, options, catalog, loader, log};

  Worker() {
    options.max_frame = 1 << 20;
    loader.load_all();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes = test::with_checksums(std::string(fuzz::as_text(fuzz::as_input(data, size))));
  Worker worker;  // a new one each time, since clients may load models and let them go
  auto [client, server] = socket_pair();
  if (::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return 0;
  client.reset();
  const auto session = std::make_shared<worker::Session>(
      worker.service, net::adopt_socket(worker.io, std::move(server)), worker::Origin{"input", true});
  worker.service.sessions.insert(session);
  const fuzz::Budget budget(size, 64 << 20);
  asio::co_spawn(worker.io, session->run(), [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  });
  worker.io.restart();
  worker.io.run();
  return 0;
}
