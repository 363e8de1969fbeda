#include "serve/setup.hpp"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "net/endpoint.hpp"
#include "net/tls.hpp"
#include "repository/expand.hpp"
#include "serve/options.hpp"

namespace nn::serve {
namespace {

// A folder of models counts as several, even while it has one: others may come.
bool may_be_several(const std::vector<repository::ModelSpec>& given) {
  if (given.size() != 1) return true;
  const std::vector<repository::ModelSpec> found = repository::expand_repository(given[0]);
  return found.size() != 1 || found[0].path != given[0].path;
}

}  // namespace

bool is_guarded(const ServeOptions& options) {
  const OperationOptions& o = options.operations;
  return !o.token_file.empty() || (o.anonymous && o.anonymous->any());
}

net::ListenOptions listen_options_of(const ServeOptions& options) {
  return {.listen = options.listen,
          .admin = options.admin,
          .metrics = options.metrics_listen,
          .tls = options.tls,
          .http = true};
}

// With tokens nobody else may do anything, unless it is said.
void set_access(AccessRules& access, const ServeOptions& options) {
  const OperationOptions& o = options.operations;
  const bool asked = !o.token_file.empty();
  access.set_tokens(asked ? Tokens::read(o.token_file) : nullptr);
  access.set_anonymous(o.anonymous ? *o.anonymous : asked ? Scopes() : Scopes::all_but_admin());
}

void set_up(Operations& operations, const ServeOptions& options) {
  const OperationOptions& o = options.operations;
  operations.access.certificates = !options.tls.ca.empty();
  operations.access.admin_endpoint = !options.admin.empty();
  set_access(operations.access, options);
  operations.settings.max_body = options.max_body;
  operations.cors = o.cors;
  operations.triton_metrics = o.triton_metrics;
  if (!o.access_log.empty()) operations.access_log = std::make_unique<AccessLog>(o.access_log, o.log_sample);
  if (!o.capture.path.empty()) {
    operations.capture = std::make_unique<Capture>(o.capture, may_be_several(options.models));
  }
}

std::vector<std::string> changed_later(const ServeOptions& before, const ServeOptions& now) {
  std::set<std::string> changed;
  const auto compare = [&](const auto& one, const auto& other) {
    for (const auto& [name, words] : one) {
      const auto found = other.find(name);
      if ((found == other.end() || found->second != words) && !is_live(name)) changed.insert(name);
    }
  };
  compare(before.given, now.given);
  compare(now.given, before.given);
  return {changed.begin(), changed.end()};
}

std::chrono::milliseconds drain_delay_of(const ServeOptions& options) {
  constexpr std::chrono::milliseconds in_kubernetes{5000};
  if (options.operations.drain_delay) return *options.operations.drain_delay;
  const bool kubernetes = std::getenv("KUBERNETES_SERVICE_HOST") != nullptr;
  return kubernetes ? in_kubernetes : std::chrono::milliseconds(0);
}

}  // namespace nn::serve
