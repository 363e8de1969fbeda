// Which version answers a request that names none, how that went, and shadows. For this module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "serve/call.hpp"
#include "serve/mailbox.hpp"
#include "serve/service.hpp"
#include "traffic/model_traffic.hpp"

namespace nn::serve {

// What one thread has of a model's traffic. Constant but for what it measures; the next one takes its place.
struct ModelArms {
  std::shared_ptr<traffic::ModelTraffic> traffic;
  std::shared_ptr<const traffic::Routes> routes;
  std::shared_ptr<traffic::Recorder> recorder;
  std::vector<std::shared_ptr<Served>> arms;  // null: it isn't there
  std::uint32_t available = 0;                // bit by bit
  bool cold = false;                          // nothing of the model is loaded before it is asked for
  std::shared_ptr<Served> shadow;             // null: there is none, or it isn't there
  // Tables of an arm's signature, bound to the shadow.
  std::unordered_map<const Schema*, std::shared_ptr<const serving::Binding>> shadow_bindings;
  // Of the answers' numbers, for distances (Welford).
  struct Spread {
    double n = 0, mean = 0, squares = 0;
  };
  std::vector<Spread> spreads;
};

// A request's rows on their way through the shadow, and what was answered to them.
struct ShadowRun : serving::Request {
  std::shared_ptr<ModelArms> arms;
  std::vector<float> reference;
  double reference_us = 0;
};

// One thread's.
class Arms {
 public:
  Arms(Service& service, ServedVersions& versions, boost::asio::io_context& io);
  ~Arms();

  // The catalog or the routes have changed.
  void look();

  // The version for a request; null where the model's traffic isn't shared out, the request names one, or no
  // arm is there. Notes in the call what it was given: `arm` is empty only for models whose traffic isn't
  // shared out.
  std::shared_ptr<Served> choose(http::Exchange& exchange, Call& call);
  // The same once rows are there, for keys that are made of them: null where it stays as it is.
  std::shared_ptr<Served> choose_by_rows(Call& call);

  // Adds ", NAME" for each field of requests by which a plan gives arms.
  void append_key_fields(std::string& out) const;

  // The computation of a call is over.
  void note(const Call& call, std::span<const float> values);
  // The rows and the answer of a call that is to be run through the shadow, as copies; null where it isn't.
  // Before the answer is sent; run() after it.
  std::shared_ptr<ShadowRun> take_shadow(const Call& call, std::span<const float> values);
  void run(std::shared_ptr<ShadowRun> shadow);

 private:
  static constexpr std::size_t most_shadows = 64;                // under way
  static constexpr std::uint64_t most_shadow_bytes = 16u << 20;  // of their rows

  std::shared_ptr<ModelArms> arms_of(const std::shared_ptr<traffic::ModelTraffic>& traffic,
                                     const std::string& model, const serving::Catalog& catalog);
  std::shared_ptr<Served> resolve(const traffic::Target& target, const std::string& model,
                                  const serving::Catalog& catalog);
  std::optional<std::uint64_t> hash_of(http::Exchange& exchange, const Call& call,
                                       const traffic::Routes& routes);
  void pin(const http::Head& head, Route& route) const;
  std::string_view cookie(http::Exchange& exchange, const std::string& name);
  std::shared_ptr<Served> give(Call& call, std::uint64_t hash);
  void compared(ShadowRun& shadow);
  void drop(ModelArms& arms, std::int64_t rows);
  std::uint64_t random();

  Service& service_;
  ServedVersions& versions_;
  std::unordered_map<std::string, std::shared_ptr<ModelArms>> models_;
  std::shared_ptr<Mailbox> mailbox_;  // of shadows
  std::size_t shadows_ = 0;
  std::uint64_t shadow_bytes_ = 0;
  std::uint64_t random_;
  std::string cookie_;
};

}  // namespace nn::serve
