#include "serve/access.hpp"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

#include "base/ascii.hpp"
#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace nn::serve {
namespace {

const EnumNames<Scope>& scope_names() {
  static constexpr EnumName<Scope> table[] = {{Scope::infer, "infer"},
                                              {Scope::read, "read"},
                                              {Scope::metrics, "metrics"},
                                              {Scope::health, "health"},
                                              {Scope::admin, "admin"}};
  static constexpr EnumNames<Scope> names{"a scope", table};
  return names;
}

Sha256::Digest parse_digest(std::string_view text) {
  Sha256::Digest digest{};
  bool right = text.size() == 2 * digest.size();
  for (std::size_t i = 0; right && i < digest.size(); ++i) {
    const auto high = find_hex_digit(text[2 * i]), low = find_hex_digit(text[2 * i + 1]);
    right = high && low;
    digest[i] = static_cast<unsigned char>(16 * high.value_or(0) + low.value_or(0));
  }
  if (!right) {
    throw data_error("the second word must be the token's SHA-256, 64 hexadecimal digits")
        .advise("; printf %s TOKEN | sha256sum");
  }
  return digest;
}

// Words of a line, at most three: the last is the rest.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  line = trim(line);
  while (!line.empty() && words.size() < 2) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    words.push_back(line.substr(0, end));
    line = trim(line.substr(end));
  }
  if (!line.empty()) words.push_back(line);
  return words;
}

// The token of "Bearer TOKEN"; the scheme's case doesn't matter (RFC 7235).
std::optional<std::string_view> bearer(std::optional<std::string_view> authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (!authorization || authorization->size() <= scheme.size()) return std::nullopt;
  if (!equal_ignoring_case(authorization->substr(0, scheme.size()), scheme)) return std::nullopt;
  return trim(authorization->substr(scheme.size()));
}

}  // namespace

Scopes parse_scopes(std::string_view text) {
  Scopes scopes;
  for (const std::string& word : split(text, ',')) scopes.add(scope_names().parse(trim(word)));
  return scopes;
}

std::string to_string(Scopes scopes) {
  std::string out;
  for (const auto& [scope, name] : scope_names().table) {
    if (!scopes.has(scope)) continue;
    out += out.empty() ? "" : ",";
    out += name;
  }
  return out;
}

std::string_view name_of(Scope scope) { return scope_names().name_of(scope); }

Scope scope_of(Action action) {
  switch (action) {
    case Action::predict:
    case Action::classify:
    case Action::regress:
    case Action::explain:
    case Action::infer:
    case Action::stream_infer: return Scope::infer;
    case Action::metrics: return Scope::metrics;
    case Action::live:
    case Action::server_ready:
    case Action::health_check:
    case Action::health_watch: return Scope::health;
    case Action::load:
    case Action::unload: return Scope::admin;
    default: return Scope::read;
  }
}

struct Sha256::State {
  std::unique_ptr<EVP_MD, decltype(&::EVP_MD_free)> kind{::EVP_MD_fetch(nullptr, "SHA256", nullptr),
                                                         &::EVP_MD_free};
  std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context{::EVP_MD_CTX_new(), &::EVP_MD_CTX_free};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (!state_->kind || !state_->context) fail(ErrorKind::internal, "there is no SHA-256");
}
Sha256::~Sha256() = default;

Sha256::Digest Sha256::of(std::string_view text) {
  Digest digest{};
  unsigned size = 0;
  EVP_MD_CTX* context = state_->context.get();
  if (::EVP_DigestInit_ex2(context, state_->kind.get(), nullptr) != 1 ||
      ::EVP_DigestUpdate(context, text.data(), text.size()) != 1 ||
      ::EVP_DigestFinal_ex(context, digest.data(), &size) != 1) {
    fail(ErrorKind::internal, "SHA-256 failed");
  }
  return digest;
}

std::shared_ptr<const Tokens> Tokens::read(const std::string& path) {
  constexpr std::size_t longest = 1 << 20;
  const std::string text = read_text(path, longest);
  warn_if_public(path, "list of tokens");
  return parse(text, path);
}

std::shared_ptr<const Tokens> Tokens::parse(std::string_view text, const std::string& path) {
  constexpr std::size_t most = 1024;  // each request looks at all of them
  auto tokens = std::make_shared<Tokens>();
  std::int64_t number = 0;
  for (const std::string& line : split_lines(text)) {
    ++number;
    try {
      const auto words = words_of(line);
      if (words.empty() || words[0].front() == '#') continue;
      if (words.size() < 2) {
        throw data_error("expected scopes and the SHA-256 of a token")
            .advise(", as in \"infer,read 5e884898da28…\"");
      }
      if (tokens->tokens_.size() == most) fail_data("there are more than {} tokens", most);
      Token token{parse_scopes(words[0]), parse_digest(words[1]),
                  words.size() > 2 ? printable(words[2]) : std::string()};
      tokens->tokens_.push_back(std::move(token));
    } catch (const Error& error) {
      throw error.as(ErrorKind::data).within_file(path, number);
    }
  }
  if (tokens->tokens_.empty()) throw data_error("there is no token in it").within_file(path);
  return tokens;
}

const Tokens::Token* Tokens::find(const Sha256::Digest& digest) const {
  const Token* found = nullptr;
  for (const Token& token : tokens_) {
    if (::CRYPTO_memcmp(token.digest.data(), digest.data(), digest.size()) == 0) found = &token;
  }
  return found;
}

AccessRules::Judgement AccessRules::check(Scope scope, const http::Peer& peer,
                                          std::optional<std::string_view> authorization,
                                          Sha256& sha256) const {
  using enum Verdict;
  if (peer.metrics) return {scope == Scope::metrics || scope == Scope::health ? allowed : forbidden};
  if (peer.admin || (scope != Scope::admin && anonymous_.load(std::memory_order_relaxed).has(scope)))
    return {allowed};
  std::shared_ptr<const Tokens> tokens = this->tokens();
  // A process of our user may as well write into the repository; but a proxy of our user passes on what
  // others ask for, and whoever wants tokens wants them of all.
  if (scope == Scope::admin && peer.local && !admin_endpoint && !tokens) return {allowed};
  if (!tokens) return {certificates && peer.tls && scope != Scope::admin ? allowed : forbidden};
  const auto text = bearer(authorization);
  const Tokens::Token* token = text ? tokens->find(sha256.of(*text)) : nullptr;
  if (token == nullptr) return {unauthenticated};
  return {token->scopes.has(scope) ? allowed : forbidden, std::move(tokens), token};
}

std::string AccessRules::reason(const Judgement& judgement, Scope scope, const http::Peer& peer,
                                std::optional<std::string_view> authorization) const {
  if (judgement.verdict == Verdict::unauthenticated) {
    if (!authorization)
      return fmt::format("a token of scope {} is needed, as Authorization: Bearer ...", name_of(scope));
    return bearer(authorization) ? "the token is not known here"
                                 : "the field Authorization is not Bearer and a token";
  }
  if (peer.metrics) return "this address is for metrics and health; ask elsewhere for the rest";
  if (judgement.token != nullptr) {
    return fmt::format("this needs a token of scope {}, and this one has {}", name_of(scope),
                       to_string(judgement.token->scopes));
  }
  if (scope == Scope::admin)
    return "only administrators of this server may do that, at its socket for them or with their token";
  return fmt::format("clients{} have scope {} here, and this needs {}",
                     certificates ? " without a certificate" : "",
                     to_string(anonymous_.load(std::memory_order_relaxed)), name_of(scope));
}

}  // namespace nn::serve
