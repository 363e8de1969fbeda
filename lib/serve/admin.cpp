#include "serve/admin.hpp"

#include <boost/asio/post.hpp>
#include <mutex>

#include "inference/describe.hpp"
#include "inference/grpc_describe.hpp"

namespace nn::serve {

using inference::Failure;

// The way back into the thread, which is closed before it ends: the loader may answer later.
struct Admin::Gate {
  std::mutex mutex;
  boost::asio::io_context* io;
  Admin* admin;
};

Admin::Admin(Service& service, boost::asio::io_context& io, Observer& observer)
    : service_(service), observer_(observer), gate_(std::make_shared<Gate>()) {
  gate_->io = &io;
  gate_->admin = this;
}

Admin::~Admin() {
  const std::lock_guard lock(gate_->mutex);
  gate_->io = nullptr;
  gate_->admin = nullptr;
}

void Admin::start(http::Exchange& exchange, Call& call) {
  Route& route = call.route;
  // The loader of such a server doesn't run, and would never answer.
  if (!service_.options.at.empty() || !service_.options.hosts.empty()) {
    throw Fault{Failure::unsupported,
                "the models of this server come from workers: load and unload them there"};
  }
  if (route.protocol == Protocol::grpc_v2) {
    route.model = inference::read_repository_model(exchange.body());
  } else {
    inference::check_v2_load(exchange.body());
  }
  const bool load = route.action == Action::load;
  if (load && service_.catalog.get()->models.find(route.model) == nullptr) service_.loader.look();
  JsonFields fields = {{"client", exchange.peer().name}, {"model", route.model}};
  if (!call.token.empty()) fields.emplace("token", call.token);
  service_.log.write(load ? "load_request" : "unload_request", fields);
  service_.loader.change(
      route.model, 0, load,
      [gate = gate_, shared = exchange.shared_from_this()](std::optional<Error> error) mutable {
        const std::lock_guard lock(gate->mutex);
        if (gate->io == nullptr) return;
        boost::asio::post(*gate->io, [gate, own = std::move(shared), why = std::move(error)] {
          // In the thread that closes the gate.
          if (gate->admin != nullptr) {
            gate->admin->finish(*own, static_cast<Call&>(*own->work), why);
          }
        });
      });
}

void Admin::finish(http::Exchange& exchange, Call& call, const std::optional<Error>& error) {
  const Route& route = call.route;
  const bool load = route.action == Action::load;
  const auto catalog = service_.catalog.get();
  const bool known = catalog->models.find(route.model) != nullptr;
  std::optional<Fault> fault;
  if (!known && load) {
    fault = Fault{Failure::not_found, inference::v2_no_model(route.model, 0)};
  } else if (error && known) {
    fault = Fault{inference::failure_of(*error), error->public_statement()};
  } else if (load) {
    const auto found = catalog->find(route.model);
    if (!found.servable) {
      fault = Fault{Failure::invalid,
                    found.absence ? found.absence->public_statement() : "it couldn't be loaded"};
    }
  }
  if (fault) {
    fail(exchange, call, *fault);
  } else {
    call.status = exchange.head().grpc ? 0 : 200;
  }
  observer_.decorate(exchange, call);
  exchange.send();
}

}  // namespace nn::serve
