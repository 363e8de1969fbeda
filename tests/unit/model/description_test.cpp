// Descriptions of models that no writer makes.
#include "model/description.hpp"

#include <flatbuffers/flatbuffers.h>

#include "base/error.hpp"
#include "catch.hpp"
#include "model_generated.h"
#include "thread_time.hpp"

using namespace nn;
using namespace nn::model;

TEST_CASE("shared-columns: a description that says the same many times over") {
  flatbuffers::FlatBufferBuilder fbb;
  const auto name = fbb.CreateString("c");
  const auto categories = fbb.CreateVector(std::vector(100'000, fbb.CreateString(std::string(100, 'x'))));
  // Each column is a table of its own; what they share is the list of categories.
  std::vector<flatbuffers::Offset<fb::InputColumn>> columns;
  for (int i = 0; i < 50'000; ++i) {
    columns.push_back(fb::CreateInputColumn(fbb, name, fb::ColumnKind::category, 0, 0, 0, 0, categories));
  }
  const auto list = fbb.CreateVector(columns);
  const auto target = fb::CreateTarget(fbb, fb::TargetKind::none, name);
  const auto provenance = fb::CreateProvenance(fbb, name, name, name);
  const auto network = fbb.CreateString("dense 1");
  const auto input = fbb.CreateVector(std::vector<std::int64_t>{1});
  const auto parameters = fbb.CreateVector(std::vector<flatbuffers::Offset<fb::Parameter>>());
  const fb::Block weights(0, 0);
  fb::FinishModelBuffer(fbb, fb::CreateModel(fbb, network, input, fb::Loss::mse, list, target, provenance,
                                             parameters, &weights));
  Container container;
  const auto bytes = std::as_bytes(std::span(fbb.GetBufferPointer(), fbb.GetSize()));
  container.description.assign(bytes.begin(), bytes.end());
  container.file_bytes = bytes.size();
  REQUIRE(container.description.size() < 2'000'000);
  const double begin = test::thread_seconds();
  try {
    (void)parse_description(container);
    FAIL("it was read");
  } catch (const Error& error) {
    CHECK_THAT(error.what(), Catch::Contains("many times over"));
  }
  CHECK(test::thread_seconds() - begin < 1);
}
