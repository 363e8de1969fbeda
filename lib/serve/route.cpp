#include "serve/route.hpp"

#include <array>
#include <charconv>

#include "base/text.hpp"

namespace nn::serve {
namespace {

using http::Method;

constexpr std::string_view for_reading = "GET, HEAD, OPTIONS";
constexpr std::string_view for_calling = "POST, OPTIONS";
constexpr std::size_t longest_name = 255;

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) != lower[i]) return false;
  }
  return true;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// False for what is no name: nothing of it may leave its segment, or be unprintable.
bool decode(std::string_view segment, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      if (i + 2 >= segment.size()) return false;
      const int high = hex_digit(segment[i + 1]), low = hex_digit(segment[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    out += c;
  }
  return !out.empty() && out != "." && out != ".." && out.size() <= longest_name && is_utf8(out);
}

// Takes segments from the front of a path.
class Segments {
 public:
  explicit Segments(std::string_view path) : rest_(path) {}
  bool at_end() const { return rest_.empty(); }
  // The next one, without its slash. Empty where there is none, or where it is empty.
  std::string_view next() {
    if (rest_.empty() || rest_.front() != '/') return {};
    const std::size_t end = std::min(rest_.find('/', 1), rest_.size());
    const std::string_view segment = rest_.substr(1, end - 1);
    rest_.remove_prefix(end);
    return segment;
  }
  std::string_view peek() const {
    Segments copy = *this;
    return copy.next();
  }

 private:
  std::string_view rest_;
};

void fail(Route& route, int status, std::string_view allow = {}) {
  route.action = Action::nothing;
  route.status = status;
  route.allow = allow;
}

void allow_reading(const http::Head& head, Route& route, Action action) {
  const bool may =
      head.method == Method::get || head.method == Method::head || head.method == Method::options;
  if (!may) return fail(route, 405, for_reading);
  route.action = action;
}

void allow_calling(const http::Head& head, Route& route, Action action) {
  if (head.method != Method::post && head.method != Method::options) return fail(route, 405, for_calling);
  route.action = action;
}

void take_version(std::string_view text, Route& route) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), route.version);
  route.bad_version = text.empty() || error != std::errc() || end != text.data() + text.size();
  if (route.bad_version) route.version = 0;
}

// /v1/models/M[/versions/N | /labels/L][:verb | /metadata]. What isn't one is 400, as TensorFlow Serving has
// it ("Malformed request").
void find_v1(const http::Head& head, Segments path, Route& route) {
  route.protocol = Protocol::v1;
  const auto malformed = [&] { fail(route, 400); };
  if (!equals_ignoring_case(path.next(), "models")) return malformed();
  if (path.at_end()) return allow_reading(head, route, Action::list);
  std::string_view verb;
  // The verb follows the last segment's colon.
  const auto take_name = [&](std::string_view segment) {
    if (!path.at_end()) return segment;
    const std::size_t colon = segment.rfind(':');
    if (colon == std::string_view::npos) return segment;
    verb = segment.substr(colon + 1);
    return segment.substr(0, colon);
  };
  if (!decode(take_name(path.next()), route.model)) return malformed();
  if (equals_ignoring_case(path.peek(), "versions")) {
    path.next();
    const std::string_view number = take_name(path.next());
    if (number.find_first_not_of("0123456789") != std::string_view::npos || number.empty())
      return malformed();
    take_version(number, route);
  } else if (equals_ignoring_case(path.peek(), "labels")) {
    path.next();
    if (!decode(take_name(path.next()), route.label)) return malformed();
  }
  Action action = Action::model;
  if (!path.at_end()) {
    if (!equals_ignoring_case(path.next(), "metadata") || !path.at_end() || !verb.empty()) return malformed();
    action = Action::metadata;
  } else if (!verb.empty()) {
    constexpr std::array<std::pair<std::string_view, Action>, 4> verbs{{{"predict", Action::predict},
                                                                        {"classify", Action::classify},
                                                                        {"regress", Action::regress},
                                                                        {"explain", Action::explain}}};
    action = Action::nothing;
    for (const auto& [word, what] : verbs) {
      if (equals_ignoring_case(verb, word)) action = what;
    }
    if (action == Action::nothing) return malformed();
    if (head.method != Method::post && head.method != Method::options) return malformed();
    route.action = action;
    return;
  }
  allow_reading(head, route, action);
  if (route.action == Action::nothing) malformed();
}

void find_v2_model(const http::Head& head, Segments path, Route& route) {
  if (path.peek() == "stats") {
    Segments rest = path;
    rest.next();
    if (rest.at_end()) return allow_reading(head, route, Action::stats);
  }
  if (!decode(path.next(), route.model)) return fail(route, 404);
  if (path.peek() == "versions") {
    path.next();
    take_version(path.next(), route);
  }
  if (path.at_end()) return allow_reading(head, route, Action::model);
  const std::string_view what = path.next();
  if (!path.at_end()) return fail(route, 404);
  if (what == "infer") return allow_calling(head, route, Action::infer);
  if (what == "ready") return allow_reading(head, route, Action::ready);
  if (what == "config") return allow_reading(head, route, Action::config);
  if (what == "stats") return allow_reading(head, route, Action::stats);
  fail(route, 404);
}

void find_v2_repository(const http::Head& head, Segments path, Route& route) {
  const std::string_view what = path.next();
  if (what == "index" && path.at_end()) return allow_calling(head, route, Action::index);
  if (what != "models" || !decode(path.next(), route.model)) return fail(route, 404);
  const std::string_view verb = path.next();
  if (!path.at_end()) return fail(route, 404);
  if (verb == "load") return allow_calling(head, route, Action::load);
  if (verb == "unload") return allow_calling(head, route, Action::unload);
  fail(route, 404);
}

void find_v2(const http::Head& head, Segments path, Route& route) {
  route.protocol = Protocol::v2;
  if (path.at_end() || (path.peek().empty() && head.path == "/v2/")) {
    return allow_reading(head, route, Action::server);
  }
  const std::string_view part = path.next();
  if (part == "models") return find_v2_model(head, path, route);
  if (part == "repository") return find_v2_repository(head, path, route);
  if (part == "health") {
    const std::string_view what = path.next();
    if (path.at_end() && what == "live") return allow_reading(head, route, Action::live);
    if (path.at_end() && what == "ready") return allow_reading(head, route, Action::server_ready);
  }
  fail(route, 404);
}

struct Call {
  std::string_view path;
  Protocol protocol;
  Action action;
};

constexpr std::array calls{
    Call{"/inference.GRPCInferenceService/ModelInfer", Protocol::grpc_v2, Action::infer},
    Call{"/inference.GRPCInferenceService/ModelStreamInfer", Protocol::grpc_v2, Action::stream_infer},
    Call{"/inference.GRPCInferenceService/ServerLive", Protocol::grpc_v2, Action::live},
    Call{"/inference.GRPCInferenceService/ServerReady", Protocol::grpc_v2, Action::server_ready},
    Call{"/inference.GRPCInferenceService/ServerMetadata", Protocol::grpc_v2, Action::server},
    Call{"/inference.GRPCInferenceService/ModelReady", Protocol::grpc_v2, Action::ready},
    Call{"/inference.GRPCInferenceService/ModelMetadata", Protocol::grpc_v2, Action::model},
    Call{"/inference.GRPCInferenceService/ModelConfig", Protocol::grpc_v2, Action::config},
    Call{"/inference.GRPCInferenceService/ModelStatistics", Protocol::grpc_v2, Action::stats},
    Call{"/inference.GRPCInferenceService/RepositoryIndex", Protocol::grpc_v2, Action::index},
    Call{"/inference.GRPCInferenceService/RepositoryModelLoad", Protocol::grpc_v2, Action::load},
    Call{"/inference.GRPCInferenceService/RepositoryModelUnload", Protocol::grpc_v2, Action::unload},
    Call{"/tensorflow.serving.PredictionService/Predict", Protocol::grpc_tensorflow, Action::predict},
    Call{"/tensorflow.serving.PredictionService/Classify", Protocol::grpc_tensorflow, Action::classify},
    Call{"/tensorflow.serving.PredictionService/Regress", Protocol::grpc_tensorflow, Action::regress},
    Call{"/tensorflow.serving.PredictionService/GetModelMetadata", Protocol::grpc_tensorflow,
         Action::metadata},
    Call{"/tensorflow.serving.ModelService/GetModelStatus", Protocol::grpc_tensorflow, Action::model},
    Call{"/grpc.health.v1.Health/Check", Protocol::grpc_health, Action::health_check},
    Call{"/grpc.health.v1.Health/Watch", Protocol::grpc_health, Action::health_watch},
};

struct Page {
  std::string_view path;
  Action action;
};

constexpr std::array pages{
    Page{"/", Action::status_page},
    Page{"/status.json", Action::status_json},
    Page{"/metrics", Action::metrics},
    Page{"/monitoring/prometheus/metrics", Action::metrics},  // TensorFlow Serving's
    Page{"/healthz", Action::live},
    Page{"/readyz", Action::server_ready},
    Page{"/openapi.yaml", Action::openapi},
};

}  // namespace

void find_route(const http::Head& head, Route& route) {
  route.protocol = Protocol::plain;
  route.action = Action::nothing;
  route.model.clear();
  route.label.clear();
  route.version = 0;
  route.bad_version = false;
  route.status = 404;
  route.allow = {};
  if (head.grpc) {
    route.protocol = Protocol::grpc_v2;
    for (const Call& call : calls) {
      if (call.path != head.path) continue;
      route.protocol = call.protocol;
      route.action = call.action;
    }
    return;
  }
  for (const Page& page : pages) {
    if (page.path == head.path) return allow_reading(head, route, page.action);
  }
  Segments path(head.path);
  const std::string_view first = path.next();
  if (first == "v2") return find_v2(head, path, route);
  if (equals_ignoring_case(first, "v1")) return find_v1(head, path, route);
}

}  // namespace nn::serve
