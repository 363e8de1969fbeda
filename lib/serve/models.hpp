// Where a server's models come from: repositories and devices of this process, or workers. For this module
// only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "client/remote_catalog.hpp"
#include "client/remote_members.hpp"
#include "ensemble/ensemble_file.hpp"
#include "serve/operations.hpp"
#include "serve/serve.hpp"
#include "serving/batcher.hpp"
#include "serving/catalog.hpp"
#include "serving/event_log.hpp"
#include "serving/loader.hpp"
#include "serving/replicated_model.hpp"
#include "traffic/presence.hpp"

namespace nn::serve {

// One thread's, that of the io_context.
class Models {
 public:
  // `on_change` is called after each change of the catalog, in whichever thread made it.
  Models(const ServeOptions& options, boost::asio::io_context& io, serving::EventLog& log,
         serving::CatalogHolder& catalog, Operations& operations, std::function<void()> on_change);

  // Loads what there is, and warns of what isn't: a server without a model starts, and isn't ready. Workers
  // are waited for until their models are known, but no longer than the time to connect; it runs the
  // io_context meanwhile.
  void load();
  // Begins to look for what is new.
  void start();
  // Looks at repositories, or reads the list of workers anew and asks them. Errors as net::read_hosts() has
  // them; then all stays as it is.
  void look();
  // What threads that compute or load are stuck in, if they are, as Batcher::stuck() and Loader::stuck() have
  // it. One thread, any.
  std::vector<std::function<std::optional<std::string>()>> stuck_threads();
  // Repositories may be looked at often.
  bool has_repositories() const { return !remote_; }
  serving::Loader& loader() { return loader_; }
  // In front of workers: how they do. Any thread's.
  std::vector<client::RemoteCatalog::WorkerReport> workers() const;

 private:
  serving::LoaderOptions loader_options();
  std::unique_ptr<serving::Servable> open(const std::string& name, const repository::FoundVersion& version);
  serving::BatcherOptions batcher_options(const backend::Device& device) const;
  std::vector<net::Endpoint> endpoints() const;
  void wait_for_workers();
  net::Access worker_access() const;
  std::shared_ptr<serving::LateServable> find_member(const ensemble::EnsembleFile& file,
                                                     const ensemble::EnsembleFile::Member& member);

  const ServeOptions& options_;
  boost::asio::io_context& io_;
  serving::CatalogHolder& catalog_;
  Operations& operations_;
  // In this order: what waits for a device may be a part of a request to an ensemble, which has its members.
  std::optional<client::RemoteMembers> members_;             // of ensembles
  std::vector<std::unique_ptr<serving::Batcher>> batchers_;  // of each device
  std::vector<serving::Place> places_;                       // the same, as models want them
  std::unordered_map<std::string, traffic::PlannedVersions>
      planned_;  // by repositories' paths; the loader's thread
  serving::Loader loader_;
  std::optional<client::RemoteCatalog> remote_;
};

}  // namespace nn::serve
