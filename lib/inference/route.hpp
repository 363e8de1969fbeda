// Paths of the REST protocols.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nn::inference {

struct Route {
  enum class Kind : std::uint8_t {
    other,  // none of these
    // TensorFlow Serving; v1_malformed is anything else below /v1, which is 400 there
    v1_models,
    v1_status,
    v1_metadata,
    v1_predict,
    v1_classify,
    v1_regress,
    v1_explain,
    v1_malformed,
    // Open Inference Protocol; v2_unknown is anything else below /v2
    v2_server,
    v2_live,
    v2_ready,
    v2_model,
    v2_model_ready,
    v2_infer,
    v2_config,
    v2_stats,
    v2_all_stats,
    v2_index,
    v2_load,
    v2_unload,
    v2_unknown,
  };
  Kind kind = Kind::other;
  std::string model;          // decoded
  std::uint64_t version = 0;  // 0: none was said
  std::string label;

  bool v1() const { return kind >= Kind::v1_models && kind <= Kind::v1_malformed; }
  bool v2() const { return kind >= Kind::v2_server; }
  // POST, or else GET and HEAD.
  bool posts() const;
  // "POST" or "GET, HEAD", for the field Allow.
  std::string_view allow() const { return posts() ? "POST" : "GET, HEAD"; }
};

// Reads a path without its query into `route`, whose memory is kept. Data error (400) for names and numbers
// that can't be: an escape that is none, %2F or .. in a name, a version that is no number.
void parse_route(std::string_view path, Route& route);

}  // namespace nn::inference
