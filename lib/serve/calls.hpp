// Inference: from the body of a request to the answer in it. For this module only.
#pragma once

#include <memory>

#include "serve/arms.hpp"
#include "serve/call.hpp"
#include "serve/cold_starts.hpp"
#include "serve/dialect.hpp"
#include "serve/mailbox.hpp"
#include "serve/observer.hpp"
#include "serve/service.hpp"
#include "serving/door.hpp"

namespace nn::serve {

// One thread's, that of the io_context.
class Calls {
 public:
  Calls(Service& service, boost::asio::io_context& io, Observer& observer);
  ~Calls();

  // Reads the body, has it computed and sends the answer, at once or later; or says why there is none.
  void start(http::Exchange& exchange, Call& call);
  // Before the body is read: why the version that the path means would not answer in time, valid until the
  // next call; null where it would. Allocates nothing.
  const Fault* refused_at_door(http::Exchange& exchange, Call& call);
  // Lets go of versions that aren't served any more.
  void look();

  // A call failed. Where that is since its model isn't loaded, and would be because of it, calls `again` when
  // that is done, with why it couldn't be, or fails the call when it has waited for too long. False where it
  // failed otherwise, or has waited already: `why_not` becomes a part of the fault.
  using Again = std::function<void(const std::optional<Error>& why_not)>;
  bool wait_for_model(http::Exchange& exchange, Call& call, Fault& fault, const std::optional<Error>& why_not,
                      Again again);

  // The version that a route means. Throws Fault.
  std::shared_ptr<serving::Servable> find(const Route& route, std::string_view model) const;
  ServedVersions& versions() { return versions_; }
  const Arms& arms() const { return arms_; }

 private:
  void try_start(http::Exchange& exchange, Call& call, const std::optional<Error>& why_not = {});
  void read(http::Exchange& exchange, Call& call);
  void prepare(http::Exchange& exchange, Call& call);
  void submit(http::Exchange& exchange, Call& call);
  const Fault& fault_of(const serving::Refusal& refusal, bool grpc);
  inference::Failure shed_failure(bool grpc) const;
  void finish(Computation& computation);
  void answer(http::Exchange& exchange, Call& call);
  void fail_call(http::Exchange& exchange, Call& call, const Fault& fault);
  void send(http::Exchange& exchange, Call& call);

  Service& service_;
  Observer& observer_;
  std::shared_ptr<Mailbox> mailbox_;
  ColdStarts cold_starts_;
  ServedVersions versions_;
  Arms arms_;
  Dialects dialects_;
  Fault too_late_{inference::Failure::late, "its deadline would be over before it is answered"};
  Fault too_much_{inference::Failure::exhausted, "too much waits for this model already"};
};

}  // namespace nn::serve
