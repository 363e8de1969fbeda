// The options of OperationOptions, and what may change while a server runs.
#include <algorithm>
#include <array>

#include "base/numbers.hpp"
#include "base/text.hpp"
#include "options/fields.hpp"
#include "serve/options.hpp"

namespace nn::serve {

using options::Effect;

namespace {

double parse_part(std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text.remove_suffix(1);
  const double most = percent ? 100 : 1;
  return parse_number_in(text, {.most = most}) / most;
}

net::Endpoint parse_admin_endpoint(std::string_view text) {
  const net::Endpoint endpoint = net::parse_endpoint(text);
  // Whoever may connect is an administrator: at an address of TCP that were all users, and their browsers.
  if (endpoint.kind != net::Endpoint::Kind::unix_socket)
    fail_usage("'{}': expected unix:/PATH", printable(text));
  return endpoint;
}

std::string parse_origin(std::string_view text) {
  const bool fits = text == "*" || text.starts_with("http://") || text.starts_with("https://");
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!fits || !plain)
    fail_usage("'{}': expected an origin such as https://example.org, or *", printable(text));
  return std::string(text);
}

void add_access_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Access", Effect::local);
  OperationOptions& p = o.operations;
  group.add(
      {.name = "token-file",
       .value = "FILE",
       .help = "Tokens that clients need, a line each: SCOPES SHA256 [NAME]",
       .text = "Clients need a token of this file, as `Authorization: Bearer` *token*.\n"
               "It has a line for each: scopes with commas between, of `infer`, `read`, `metrics`, `health` "
               "and `admin`, which is all of them; the token's SHA-256 in hexadecimal digits; and maybe a "
               "name for logs.\n"
               "SIGHUP reads it anew."},
      options::file(p.token_file));
  options::Field anonymous = {
      .choices = {"health", "metrics", "health,metrics", "infer,read,metrics,health"},
      .overrules = true,
      .optional_value = true,
      .apply = [&p](auto text) { p.anonymous = text ? parse_scopes(*text) : Scopes::all_but_admin(); }};
  group.add(
      {.name = "allow-anonymous",
       .value = "SCOPES",
       .help = "What clients may do without a token or certificate, also beyond loopback; alone: all "
               "but administration",
       .text = "What clients may do without a token or a certificate: scopes with commas between, such as "
               "`--allow-anonymous=health,metrics`; without them all but administration.\n"
               "With it the server listens beyond loopback."},
      std::move(anonymous));
  group.add({.name = "admin",
             .value = "ENDPOINT",
             .help = "Where only administrators come in: unix:/PATH (repeatable)",
             .text = "Accept clients at `unix:`*path* as well, and let them load and unload models.\n"
                     "Who may connect is a matter of the permissions of the socket's folder.\n"
                     "May be given several times."},
            options::each(o.admin, parse_admin_endpoint, options::Kind::text, {"unix:"}));
  group.add(
      {.name = "metrics-listen",
       .value = "ENDPOINT",
       .help =
           "Where metrics and health are told to anybody, and nothing else: http://HOST:PORT (repeatable)",
       .text = "Tell metrics and health at this endpoint as well, without a token, and nothing else: for a "
               "Prometheus and probes on a network of their own, while --listen is for clients with tokens.\n"
               "It is opened beyond loopback, too.\n"
               "May be given several times."},
      options::each(o.metrics_listen, net::parse_http_endpoint, options::Kind::text, net::http_beginnings));
  group.add({.name = "cors",
             .value = "ORIGIN",
             .help = "Pages of that origin may ask, or of any: *",
             .text = "Let pages of that origin, such as `https://example.org`, ask this server; `*` is any."},
            options::parsed(p.cors, parse_origin));
}

void add_log_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Logs", Effect::local);
  OperationOptions& p = o.operations;
  group.add({.name = "log",
             .value = "FILE",
             .help = "JSON lines of what happens; '-' is standard error",
             .text = "Append a JSON object a line for each event, with its `time` and its name as `event`.\n"
                     "`-` is the standard error.\nSIGHUP opens the file anew."},
            options::file(o.log));
  group.add({.name = "access-log",
             .value = "FILE",
             .help = "JSON lines of requests; '-' is standard error",
             .text = "Append a JSON object a line for each request.\n"
                     "`-` is the standard error.\nSIGHUP opens the file anew."},
            options::file(p.access_log));
  group.add(
      {.name = "log-sample",
       .value = "PART",
       .help = "Of requests that went well, log this part: 1%, 0.01 (default: {default})",
       .text = "Log only a part of the requests that went well and took less than a second, such as `1%`; "
               "all by default."},
      options::parsed(p.log_sample, parse_part));
  options::Field capture = {.apply = [&p](auto text) { parse_capture(*text, p.capture); }};
  group.add(
      {.name = "capture",
       .value = "PART:FILE",
       .help = "Keep the rows and answers of a part of the requests: 1%:FILE.arrows",
       .text = "Keep rows and answers of a part of the requests in a stream, such as `1%:seen.arrows`.\n"
               "It appears when it is complete: at the end, on SIGHUP, or when it has --capture-size."},
      std::move(capture));
  group.add({.name = "capture-size",
             .value = "BYTES",
             .help = "Of a captured file; then the next is begun (default: {default})",
             .text = "How large captured files become before the next is begun, {default} by default."},
            options::bytes(p.capture.file_bytes));
  group.add({.name = "metrics-compat",
             .value = "triton",
             .help = "Metrics by the names of another server as well",
             .text = "Tell metrics by the names that Triton has as well, for dashboards that know those."},
            {.kind = options::Kind::choice,
             .choices = {"triton"},
             .overrules = true,
             .apply =
                 [&p](auto text) {
                   if (*text != "triton") fail_usage("'{}': must be triton", printable(*text));
                   p.triton_metrics = true;
                 },
             .show = [&p] { return std::string(p.triton_metrics ? "triton" : ""); }});
}

void add_end_options(options::List& list, ServeOptions& o) {
  options::Group group(list, "Life", Effect::local);
  OperationOptions& p = o.operations;
  options::Field delay = {
      .overrules = true, .apply = [&p](auto text) {
        p.drain_delay = std::chrono::milliseconds(static_cast<std::int64_t>(parse_duration_s(*text) * 1000));
      }};
  group.add({.name = "drain-delay",
             .value = "TIME",
             .help = "How long it goes on serving, though not ready, when it is told to end (default: 0, in "
                     "Kubernetes 5s)",
             .text = "When it is told to end it says that it isn't ready any more, and goes on accepting and "
                     "serving for so long: load balancers take a while to notice.\n"
                     "By default it is 0, and 5 seconds where KUBERNETES_SERVICE_HOST is set."},
            std::move(delay));
  group.add({.name = "exit-idle",
             .value = "TIME",
             .help = "End when no request has come for so long; 0: never (default: {default})",
             .text = "End with 0 when no request has come for so long, such as `10m`: under systemd's socket "
                     "activation the next one starts it again.\n0, the default, is never."},
            options::milliseconds(p.exit_idle));
}

}  // namespace

options::List operation_options(ServeOptions& o) {
  options::List list;
  add_access_options(list, o);
  add_end_options(list, o);
  add_log_options(list, o);
  return list;
}

// Files that are read or opened anew with each SIGHUP are as well where their names stay.
bool is_live(std::string_view option) {
  constexpr std::array<std::string_view, 8> live{
      "allow-anonymous", "drain-delay", "drain-timeout", "exit-idle",
      "log-sample",      "max-body",    "poll",          "token-file"};
  return std::find(live.begin(), live.end(), option) != live.end();
}

}  // namespace nn::serve
