// Small texts from command lines: the first byte chooses the parser.
#include "train/options.hpp"

#include <array>
#include <string_view>

#include "backend/backend.hpp"
#include "backend/device.hpp"
#include "base/numbers.hpp"
#include "ensemble/combiner.hpp"
#include "ensemble/rules.hpp"
#include "format/sink.hpp"
#include "fuzz.hpp"
#include "nn/network.hpp"
#include "repository/repository.hpp"

using namespace nn;

namespace {

// Parsed, and told again, it is the same.
template <auto parse>
void again(std::string_view text) {
  const std::string told = to_string(parse(text));
  if (to_string(parse(told)) != told) fuzz::broken_promise("not canonical", told);
}

template <auto parse>
void once(std::string_view text) {
  (void)parse(text);
}

constexpr std::array parsers = {
    again<train::parse_schedule>,
    again<train::parse_augmentation>,
    again<backend::parse_device>,
    once<train::parse_warmup>,
    once<train::parse_class_weights>,
    once<train::parse_validation>,
    once<train::parse_checkpoint_interval>,
    once<repository::parse_version_policy>,
    once<repository::parse_model_spec>,
    once<repository::parse_repository_spec>,
    once<ensemble::parse_combination>,
    once<ensemble::parse_weights>,
    once<ensemble::parse_rule>,
    once<ensemble::parse_uncertainty>,
    once<format::parse_output_format>,
    once<backend::parse_optimizer>,
    once<backend::parse_precision>,
    once<parse_activation>,
    once<parse_loss>,
    once<parse_integer>,
    once<parse_number>,
    once<parse_bytes>,
    once<parse_duration_s>,
    once<table::parse_row_range>,
    once<table::parse_shard>,
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Choices choices(fuzz::as_input(data, size));
  const auto parser = parsers[choices.of(parsers.size())];
  fuzz::accepts([&] { parser(fuzz::as_text(choices.rest())); });
  return 0;
}
