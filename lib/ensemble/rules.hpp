// Aggregation of the members' outputs: the same functions serve in-graph and
// between-graph ensembles, so that both give the same numbers.
//
// All arrays are row-major. Results of a row depend on that row only, and members are
// taken in the order given; sums are kept in double. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/enum_names.hpp"
#include "predict/predictions.hpp"

namespace nn::ensemble {

enum class Rule : std::uint8_t { mean, vote, weighted, geometric, median, rank, max, trimmed };
const EnumNames<Rule>& enum_names(Rule);
std::string_view name_of(Rule rule);
Rule parse_rule(std::string_view name);  // usage error with a suggestion
bool fits_classes(Rule rule);            // mean vote weighted geometric median rank max
bool fits_numbers(Rule rule);            // mean weighted median trimmed

// members[m] is [rows, classes] of probabilities; weights one a member (used by weighted).
// out [rows, classes], overwritten, each row sums to 1 (vote: shares of the votes; rank:
// Borda points over their sum; median, max and geometric: normalised).
//   vote       a member votes for its largest probability, the lowest index on ties
//   geometric  probabilities below the smallest normal float count as that
//   median     of an even number: the mean of the middle two
//   rank       equal probabilities share the mean of their ranks
// A row whose combined values are all 0 becomes uniform.
void combine_classes(Rule rule, std::span<const float* const> members, std::span<const double> weights,
                     std::int64_t rows, std::int64_t classes, float* out);

// members[m] is [rows, width] of values; out [rows, width], overwritten.
// trimmed: the mean without the lowest and highest quarter (rounded down, at least one
// each when there are three or more members).
void combine_numbers(Rule rule, std::span<const float* const> members, std::span<const double> weights,
                     std::int64_t rows, std::int64_t width, float* out);

// combine_classes() or combine_numbers(), as the members' answers want it. Of means and standard deviations
// under mean and weighted: those of the mixture of the members' normal distributions, whose variance is the
// mean of the variances and of the squared distances of the means from their mean (Lakshminarayanan, Pritzel
// & Blundell 2017, section 2.4). out [rows, kind.width()], overwritten.
void combine_answers(const predict::PredictionKind& kind, Rule rule, std::span<const float* const> members,
                     std::span<const double> weights, std::int64_t rows, float* out);

enum class Uncertainty : std::uint8_t { entropy, variance, deviation, mutual_information };
const EnumNames<Uncertainty>& enum_names(Uncertainty);
std::string_view name_of(Uncertainty kind);  // "mutual-information"
Uncertainty parse_uncertainty(std::string_view name);
bool fits_numbers(Uncertainty kind);  // variance and deviation

// out [rows], overwritten. entropy: of the combined probabilities, in nats; variance:
// over members (divided by their number), averaged over classes or values; deviation
// ("std"): its root, which has the unit of the values; of means and standard deviations they are of the means
// alone; mutual_information: entropy of the
// mean less the mean of the entropies (Houlsby et al. 2011), classes only, never below 0.
// `width` values a row, of which the first `counted` count.
void uncertainty(Uncertainty kind, std::span<const float* const> members, const float* combined,
                 std::int64_t rows, std::int64_t width, std::int64_t counted, bool classes, float* out);

// The class that an ensemble answers: the largest combined value; of equal ones the class
// with the larger sum of the members' probabilities, then the lowest index.
void answer(std::span<const float* const> members, std::int64_t rows, std::int64_t classes,
            const float* combined, std::int32_t* out);

}  // namespace nn::ensemble
