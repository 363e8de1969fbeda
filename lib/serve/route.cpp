#include "serve/route.hpp"

#include <array>

namespace nn::serve {
namespace {

using http::Method;
using Kind = inference::Route::Kind;

// What a path of the REST protocols asks for.
struct Meaning {
  Protocol protocol;
  Action action;
};

Meaning meaning_of(Kind kind) {
  switch (kind) {
    case Kind::v1_models: return {Protocol::v1, Action::list};
    case Kind::v1_status: return {Protocol::v1, Action::model};
    case Kind::v1_metadata: return {Protocol::v1, Action::metadata};
    case Kind::v1_predict: return {Protocol::v1, Action::predict};
    case Kind::v1_classify: return {Protocol::v1, Action::classify};
    case Kind::v1_regress: return {Protocol::v1, Action::regress};
    case Kind::v1_explain: return {Protocol::v1, Action::explain};
    case Kind::v1_malformed: return {Protocol::v1, Action::nothing};
    case Kind::v2_server: return {Protocol::v2, Action::server};
    case Kind::v2_live: return {Protocol::v2, Action::live};
    case Kind::v2_ready: return {Protocol::v2, Action::server_ready};
    case Kind::v2_model: return {Protocol::v2, Action::model};
    case Kind::v2_model_ready: return {Protocol::v2, Action::ready};
    case Kind::v2_infer: return {Protocol::v2, Action::infer};
    case Kind::v2_config: return {Protocol::v2, Action::config};
    case Kind::v2_stats:
    case Kind::v2_all_stats: return {Protocol::v2, Action::stats};
    case Kind::v2_index: return {Protocol::v2, Action::index};
    case Kind::v2_load: return {Protocol::v2, Action::load};
    case Kind::v2_unload: return {Protocol::v2, Action::unload};
    case Kind::v2_unknown: return {Protocol::v2, Action::nothing};
    case Kind::other: break;
  }
  return {Protocol::plain, Action::nothing};
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
    Call{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Protocol::plain, Action::reflection},
    Call{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Protocol::plain,
         Action::reflection},
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

// Whether the method is one of the path's; without that, says so.
void check_method(const http::Head& head, bool posts, Route& route) {
  if (head.method == Method::options) return;
  if (posts ? head.method == Method::post : head.method == Method::get || head.method == Method::head) return;
  route.action = Action::nothing;
  route.status = 405;
  route.allow = posts ? "POST, OPTIONS" : "GET, HEAD, OPTIONS";
}

void find_call(const http::Head& head, Route& route) {
  route.protocol = Protocol::grpc_v2;
  for (const Call& call : calls) {
    if (call.path != head.path) continue;
    route.protocol = call.protocol;
    route.action = call.action;
    return;
  }
}

}  // namespace

void find_route(const http::Head& head, Route& route) {
  route.kind = Kind::other;
  route.model.clear();
  route.label.clear();
  route.version = 0;
  route.protocol = Protocol::plain;
  route.action = Action::nothing;
  route.status = 404;
  route.allow = {};
  if (head.grpc) return find_call(head, route);
  for (const Page& page : pages) {
    if (page.path != head.path) continue;
    route.action = page.action;
    return check_method(head, false, route);
  }
  inference::parse_route(head.path, route);
  const Meaning meaning = meaning_of(route.kind);
  route.protocol = meaning.protocol;
  route.action = meaning.action;
  if (route.kind == Kind::v1_malformed) route.status = 400;
  if (route.action != Action::nothing) check_method(head, route.posts(), route);
  // TensorFlow Serving has "Malformed request" for a wrong method as well.
  if (route.v1() && route.status == 405) route.status = 400;
}

}  // namespace nn::serve
