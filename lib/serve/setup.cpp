#include "serve/setup.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "backend/device.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "net/endpoint.hpp"
#include "net/tls.hpp"
#include "process/command.hpp"
#include "repository/ensemble_version.hpp"
#include "repository/expand.hpp"
#include "serve/options.hpp"
#include "traffic/presence.hpp"

namespace nn::serve {
namespace {

// A folder of models counts as several, even while it has one: others may come.
bool may_be_several(const std::vector<repository::ModelSpec>& given) {
  if (given.size() != 1) return true;
  const std::vector<repository::ModelSpec> found = repository::expand_repository(given[0]);
  return found.size() != 1 || found[0].path != given[0].path;
}

void check_can_write(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) throw make_error(ErrorKind::io, "is a folder").within_file(path);
    if (::access(path.c_str(), W_OK) != 0) fail_errno(path);
    return;
  }
  if (errno != ENOENT) fail_errno(path);
  const auto slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
  if (::access(folder.c_str(), W_OK | X_OK) == 0) return;
  throw make_error(ErrorKind::io, "the folder that it is to be in: {}", std::strerror(errno))
      .within_file(path);
}

// Calls it; its errors say which option has named their file.
template <typename Act>
auto as_named(const ServeOptions& options, const std::string& option, const Act& act) {
  try {
    return act();
  } catch (const Error& error) {
    throw within_config(error, options, option);
  }
}

// Is there a version that the policy wants and that can be read? Its weights aren't looked at.
void check_model(const repository::ModelSpec& spec) {
  const std::vector<repository::FoundVersion> found = repository::find_versions(spec);
  if (found.empty())
    throw data_error("there is no version in it; a version is 1/model.nn").within_file(spec.path);
  const bool latest = spec.policy.kind == repository::VersionPolicy::Kind::latest;  // else the next best
  const auto wanted = latest ? found : repository::choose_versions(found, spec.policy);
  if (wanted.empty())
    throw data_error("none of its versions is to be served").within_file(spec.path).advise(" (--policy)");
  std::optional<Error> why;
  for (auto version = wanted.rbegin(); version != wanted.rend(); ++version) {
    try {
      repository::interface_of(version->path, false);
      return;
    } catch (const Error& error) {
      if (!why) why = error;
    }
  }
  throw Error(*why);
}

// The models that there are at present, and whether others may come: from a folder of models, or from
// workers.
std::pair<std::vector<repository::ModelSpec>, bool> models_of(const ServeOptions& options) {
  std::vector<repository::ModelSpec> all;
  bool may_come = options.models.empty();
  for (const repository::ModelSpec& given : options.models) {
    for (repository::ModelSpec& one : repository::expand_repository(given)) {
      may_come = may_come || (one.repository && one.path != given.path);
      all.push_back(std::move(one));
    }
  }
  return {std::move(all), may_come};
}

}  // namespace

Error within_config(const Error& error, const ServeOptions& options, const std::string& option) {
  const auto line = options.config_lines.find(option);
  if (line == options.config_lines.end()) return error;
  return error.within("--" + option).within_file(options.config_file, line->second);
}

std::shared_ptr<const Tokens> read_tokens(const ServeOptions& options) {
  const std::string& path = options.operations.token_file;
  if (path.empty()) return nullptr;
  return as_named(options, "token-file", [&] { return Tokens::read(path); });
}

void check_listening(const ServeOptions& options) {
  try {
    net::check(listen_options_of(options), !is_guarded(options));
  } catch (const Error& error) {
    const std::pair<const char*, const std::string&> files[] = {
        {"tls-cert", options.tls.cert}, {"tls-key", options.tls.key}, {"tls-ca", options.tls.ca}};
    for (const auto& [option, path] : files) {
      if (!path.empty() && error.is_within(path)) throw within_config(error, options, option);
    }
    // The other errors are of an endpoint, which they begin with.
    const auto is_of = [&](const net::Endpoint& endpoint) {
      return error.is_within(net::to_string(endpoint));
    };
    const bool listen = std::any_of(options.listen.begin(), options.listen.end(), is_of);
    throw listen ? within_config(error, options, "listen") : error;
  }
}

void check_models(const ServeOptions& options) {
  for (const repository::ModelSpec& given : options.models) {
    as_named(options, given.repository ? "repository" : "model", [&] {
      for (repository::ModelSpec& spec : repository::expand_repository(given)) {
        if (spec.repository) spec.policy = options.policy;
        check_model(spec);
      }
    });
  }
}

void check_written(const ServeOptions& options, const std::map<std::string, std::string>& others) {
  std::map<std::string, std::string> all = others;
  all["log"] = options.log;
  all["access-log"] = options.operations.access_log;
  all["capture"] = options.operations.capture.path;
  for (const auto& [option, path] : all) {
    if (path.empty() || path == "-") continue;
    try {
      as_named(options, option, [&, &path = path] { check_can_write(path); });
    } catch (const Error& error) {
      throw options.config_lines.contains(option) ? error : error.within("--" + option);
    }
  }
}

void check_workers(const ServeOptions& options) {
  const auto check_endpoint = [](const net::Endpoint& endpoint) {
    if (net::is_http(endpoint))
      throw make_error(ErrorKind::usage, "an inference server is there, no worker")
          .within(to_string(endpoint));
  };
  as_named(options, "at", [&] { std::for_each(options.at.begin(), options.at.end(), check_endpoint); });
  as_named(options, "hosts", [&] {
    for (const std::string& file : options.hosts) {
      for (const net::Endpoint& endpoint : net::read_hosts(file)) check_endpoint(endpoint);
    }
  });
}

void check_changed(const ServeOptions& options, const std::vector<std::string>& later) {
  if (later.empty()) return;
  const auto changes = [&](const char* option) {
    return std::find(later.begin(), later.end(), option) != later.end();
  };
  check_listening(options);
  if (changes("model") || changes("repository")) check_models(options);
  if (changes("at") || changes("hosts")) check_workers(options);
}

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
  access.set_tokens(read_tokens(options));
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

ServeOptions checked(ServeOptions options) {
  if (options.devices.empty()) options.devices.emplace_back();
  for (const backend::Device& device : options.devices) backend::check_device(device);
  const bool remote = !options.at.empty() || !options.hosts.empty();
  if (options.models.empty() && !remote) {
    fail_usage("nothing to serve: no --model NAME=FILE, no --repository BASE, no --at ENDPOINT");
  }
  if (remote && !options.models.empty()) {
    fail_usage(
        "models come from --model and --repository, or from workers with --at and --hosts, not from both");
  }
  const std::pair<const char*, bool> of_models_here[] = {{"--lazy", options.lazy},
                                                         {"--idle-unload", options.idle_unload.count() > 0},
                                                         {"--memory", options.memory > 0}};
  for (const auto& [option, given] : of_models_here) {
    if (remote && given)
      fail_usage("{} is for models of this machine; workers of --at and --hosts load their own", option);
  }
  check_traffic(options);
  return options;
}

void check_traffic(const ServeOptions& options) {
  const auto plans = traffic::plans(options.traffic);
  if (plans.empty()) return;
  const auto [models, may_come] = models_of(options);
  for (const auto& [name, plan] : plans) {
    const auto is_it = [&, &name = name](const repository::ModelSpec& model) { return model.name == name; };
    if (may_come || std::any_of(models.begin(), models.end(), is_it)) continue;
    throw make_error(ErrorKind::usage, "no model is called '{}', whose traffic is to be shared out",
                     printable(name))
        .advise(" with --split or --shadow");
  }
}

void warn_of_traffic(const ServeOptions& options) {
  const auto [models, may_come] = models_of(options);
  auto plans = traffic::plans(options.traffic);
  for (const repository::ModelSpec& model : models) {
    const auto given = plans.extract(model.name);
    if (!model.repository) continue;
    auto plan = traffic::read_plan(model.path);
    if (!plan && !given.empty()) plan = given.mapped();
    if (!plan) continue;
    if (const std::string& program = plan->canary.on_verdict; !program.empty()) {
      if (const auto why = process::why_not_startable(program))
        throw why->within("on_verdict").within_file(model.path + "/" + traffic::plan_file);
    }
    if (const auto why = traffic::first_missing(model.path, *plan))
      warn("{}; requests that its traffic sends there get another version", why->what());
  }
  for (const auto& [name, plan] : plans)
    warn("model {}: its traffic is to be shared out, but no such model is there", printable(name));
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
