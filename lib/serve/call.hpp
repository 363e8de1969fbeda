// A client's request, from its route to its answer: what a thread keeps of it meanwhile. For this module
// only.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "http/exchange.hpp"
#include "inference/failure.hpp"
#include "inference/grpc_infer.hpp"
#include "inference/grpc_tensorflow.hpp"
#include "inference/v1.hpp"
#include "inference/v2.hpp"
#include "serve/route.hpp"
#include "serve/served.hpp"

namespace nn::serve {

struct Call;
struct InferStream;
struct ModelArms;

// The part of it that is computed.
struct Computation : serving::Request {
  // Its thread has ended, and nobody answers it: the exchange is let go, whose work keeps this.
  void completed() override { exchange.reset(); }
  std::shared_ptr<http::Exchange> exchange;  // while it is under way
  Call* call = nullptr;                      // the exchange's work
};

// Stays with its exchange, and is used again for the next request there.
struct Call final : http::Work {
  Route route;
  // Of inference.
  inference::Rows rows;
  inference::V1Request v1;
  inference::V2Request v2;
  inference::InferRequest grpc_v2;
  inference::PredictRequest predict;
  inference::ExamplesRequest examples;
  std::shared_ptr<Served> served;
  std::shared_ptr<Computation> computation;
  std::optional<Clock::time_point> patience;  // until when it waits for its model to be loaded, once it does
  std::string message;                        // of a stream, that waits so
  InferStream* stream = nullptr;              // whose message it is
  std::string_view arm;  // that it was given of its model's traffic, or "pinned"; empty: there is none
  // Of its model's traffic; null where that isn't shared out, or the request names a version. Keeps `arm`.
  std::shared_ptr<ModelArms> arms;
  enum class Role : std::uint8_t { other, canary, control } role = Role::other;  // what a judge compares
  bool by_rows = false;  // its arm is chosen when its rows are there
  // A stream of messages of which each is answered at once: it stays open until its client goes, or one of
  // the two ends it. Null for all else.
  http::Exchange* open_stream = nullptr;

  bool begun = false;  // it is the exchange's request, and not the one before
  bool whole = false;  // its body, or a message of it, has come
  // How it ended, for counters and logs.
  int status = 0;                             // of HTTP, or gRPC's status
  std::optional<inference::Failure> failure;  // nothing: it went well
  std::string error;
  // For counters and logs besides.
  std::string id;                      // the client's x-request-id, or one that was made here
  bool has_own_id = false;             // it is the client's
  std::string token;                   // the name of the token that it came with; maybe empty
  VersionCounters* counted = nullptr;  // of the version that it has reached, which `served` keeps
  struct Times {
    Clock::time_point come, read, over, ended;  // body there, rows there, computed, answer gone; or never
  } times;
  std::string scratch;  // of the observer, so that its memory is used again
  // Of an answer of an ensemble: who took part, and who didn't, with commas between them.
  struct Members {
    std::string present, missing;
    bool any() const { return !present.empty(); }
  } members;

  void gone() override {
    if (computation) computation->cancelled.store(true, std::memory_order_relaxed);
    if (open_stream != nullptr) open_stream->send();
  }
  // As for a new request.
  void clear();
  // Of the version, once its counters have been told: one that others have replaced is freed when no call has
  // it, and a connection may wait for its next request, or that for its model, for long. What nobody waits
  // for any more may still be computed, and is let go with the next request.
  void let_go();
};

// What went wrong with a call, and how that is told. Appends nothing to a response that has a body.
struct Fault {
  inference::Failure failure = inference::Failure::internal;
  std::string message;
  std::chrono::milliseconds retry_after{0};  // 0: not told
  std::string cold = {};                     // the model that must be loaded first, and can be
};
// Notes it in the call.
void note_fault(Call& call, const Fault& fault);
// Fills in the response in the form of the call's protocol, and notes it in the call.
void fail(http::Exchange& exchange, Call& call, const Fault& fault);

}  // namespace nn::serve
