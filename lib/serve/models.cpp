#include "serve/models.hpp"

#include <utility>

#include "base/log.hpp"
#include "serving/local_model.hpp"

namespace nn::serve {

Models::Models(const ServeOptions& options, boost::asio::io_context& io, serving::EventLog& log,
               serving::CatalogHolder& catalog, std::function<void()> on_change)
    : options_(options), loader_(loader_options(), log, catalog, on_change) {
  if (options.at.empty() && options.hosts.empty()) {
    for (std::size_t i = 0; i < options.devices.size(); ++i) {
      batchers_.push_back(std::make_unique<serving::Batcher>(batcher_options()));
    }
    return;
  }
  client::RemoteCatalogOptions remote;
  remote.access = options.worker_access;
  if (!remote.access.token_file.empty()) remote.access.token = net::read_token(remote.access.token_file);
  remote.patience = remote.access.connect_timeout;
  remote.hedge = options.hedge;
  remote.queue_bytes = options.request_memory;
  remote_.emplace(io, std::move(remote), catalog, log, std::move(on_change));
}

serving::LoaderOptions Models::loader_options() {
  serving::LoaderOptions out;
  out.models = options_.models;
  for (repository::ModelSpec& spec : out.models) {
    spec.policy = spec.repository ? options_.policy : repository::VersionPolicy{};
  }
  out.open = [this](const std::string& name, const repository::FoundVersion& version) {
    const backend::Device& device = options_.devices.front();
    backend::pin_thread(device);  // the last model was computed with on its first core
    auto model = std::make_unique<serving::LocalModel>(name, version.version, version.path, device,
                                                       options_.precision, batchers_.front().get());
    model->warm_up(options_.batch_max);
    return model;
  };
  return out;
}

serving::BatcherOptions Models::batcher_options() const {
  serving::BatcherOptions out;
  out.limits.step_rows = options_.batch_max;
  out.limits.queue_bytes = options_.request_memory;
  return out;
}

std::vector<net::Endpoint> Models::endpoints() const {
  std::vector<net::Endpoint> out = options_.at;
  for (const std::string& file : options_.hosts) {
    for (net::Endpoint& endpoint : net::read_hosts(file)) out.push_back(std::move(endpoint));
  }
  if (out.empty()) fail_data("no worker is named");
  return out;
}

void Models::load() {
  if (remote_) return remote_->set_workers(endpoints());
  loader_.load_all();
}

void Models::start() {
  if (!remote_) loader_.start();
}

void Models::look() {
  if (remote_) return remote_->set_workers(endpoints());
  loader_.look();
}

}  // namespace nn::serve
