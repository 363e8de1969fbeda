// Predictions by workers: a table's rows dispatched over replicas of a model, or sent to all
// members of an ensemble whose answers meet here.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ensemble/combiner.hpp"
#include "format/arrow/stream.hpp"
#include "format/source.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "options/option.hpp"
#include "tensor/batch.hpp"

namespace nn::client {

struct RemoteOptions {
  std::vector<net::Endpoint> endpoints;
  std::optional<std::string> model;                  // NAME[/VERSION|:LABEL]; none: the worker's only one
  std::optional<ensemble::Combination> combination;  // the endpoints are members; none: replicas
  std::optional<ensemble::Uncertainty> uncertainty;
  std::optional<std::size_t> quorum;      // members that suffice
  std::chrono::microseconds deadline{0};  // members that answer later are left out, if they
                                          // are enough; replicas: an error. 0: none
  std::chrono::microseconds hedge{0};     // replicas: ask a second one when the first is late
  net::Access access;
  std::uint64_t max_frame = format::default_max_frame;
  std::int64_t batch = 0;  // rows of a request; 0: about 1 MiB of them
  backend::Device device;  // of a stacking model
};

// nn-predict's options about workers: where they are, how to get in, and how long to wait.
options::List option_list(RemoteOptions& options);

// Fills in what the model of the first worker that answers says of text that is sent to it, as who predicts
// here has it from the model's file: how it was read at training, and which columns are numbers and which are
// texts. Workers that are commands are not asked, since they would be started for that. Where no answer
// comes, nothing happens: who predicts says why.
void take_table_of_workers(format::SourceOptions& source, const RemoteOptions& options);

// Predictions of the rows of `source`, in order: as predict_in_graph() gives them, to the last
// bit. A worker that is lost has its rows sent to another. Usage and data errors for models that
// don't fit or differ; unavailable errors name the worker.
std::unique_ptr<BatchSource> predict_remote(std::unique_ptr<BatchSource> source,
                                            const RemoteOptions& options);

}  // namespace nn::client
