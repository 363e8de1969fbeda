// From options to what a server works with, at its start and when they are read anew. For this module only.
#pragma once

#include <string>
#include <vector>

#include "net/listeners.hpp"
#include "serve/operations.hpp"
#include "serve/serve.hpp"

namespace nn::serve {

// The same error with the place in the configuration that named the file which it is about, if that did.
Error within_config(const Error& error, const ServeOptions& options, const std::string& option);
// With a device, where none is given. Usage errors for options that are not for each other, and as
// check_traffic() has them.
ServeOptions checked(ServeOptions options);
// Reads the tokens; null where there are to be none. Errors as Tokens has them.
std::shared_ptr<const Tokens> read_tokens(const ServeOptions& options);
// Errors as net::check(), repository::find_versions() and net::read_hosts() have them; usage error for a
// worker's endpoint that is an inference server's.
void check_listening(const ServeOptions& options);
void check_models(const ServeOptions& options);
void check_workers(const ServeOptions& options);
// The same of what only the next start takes over: `later` are the options that have changed. What hasn't may
// be away just now, and keeps nothing else from being changed.
void check_changed(const ServeOptions& options, const std::vector<std::string>& later);
// Looks whether files can be written, without making any: the logs, the captured rows, and others by their
// options. Io errors.
void check_written(const ServeOptions& options, const std::map<std::string, std::string>& others);
// May it listen beyond loopback: has somebody said who may come?
bool is_guarded(const ServeOptions& options);
// Where it listens, and with what certificates.
net::ListenOptions listen_options_of(const ServeOptions& options);
// Usage error where traffic is to be shared out of a model that isn't there and can't come.
void check_traffic(const ServeOptions& options);
// Looks at models' plans before a start, and warns of what a server that runs tells when it finds it: models
// and arms that aren't there. Errors of plans' files; io error for an on_verdict that can't be started.
void warn_of_traffic(const ServeOptions& options);
// Reads tokens, opens logs. Usage, data and io errors.
void set_up(Operations& operations, const ServeOptions& options);
// Who may do what, with the tokens as they are now. Data and io errors; then all stays as it was.
void set_access(AccessRules& access, const ServeOptions& options);
// Options that were given otherwise before, but for those that is_live().
std::vector<std::string> changed_later(const ServeOptions& before, const ServeOptions& now);
std::chrono::milliseconds drain_delay_of(const ServeOptions& options);

}  // namespace nn::serve
