// Who may do what: tokens with scopes, and what is allowed without one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.hpp"
#include "serve/route.hpp"

namespace nn::serve {

enum class Scope : std::uint8_t {
  infer,    // predictions
  read,     // what models there are, and how they do
  metrics,  // counters
  health,   // whether it lives and is ready
  admin,    // loading, unloading; and all others
};

class Scopes {
 public:
  constexpr Scopes() = default;
  static constexpr Scopes all_but_admin() { return Scopes(0b01111); }
  void add(Scope scope) { bits_ |= bit(scope); }
  bool has(Scope scope) const { return (bits_ & bit(scope)) != 0 || (bits_ & bit(Scope::admin)) != 0; }
  bool any() const { return bits_ != 0; }
  bool operator==(const Scopes&) const = default;

 private:
  constexpr explicit Scopes(unsigned bits) : bits_(bits) {}
  static constexpr unsigned bit(Scope scope) { return 1U << static_cast<unsigned>(scope); }
  unsigned bits_ = 0;
};

// "infer,read". Usage error for a word that is none.
Scopes parse_scopes(std::string_view text);
std::string to_string(Scopes scopes);
std::string_view name_of(Scope scope);
// What an action needs.
Scope scope_of(Action action);

// SHA-256, for one thread at a time; allocates nothing once it is made.
class Sha256 {
 public:
  using Digest = std::array<unsigned char, 32>;
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  Digest of(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Tokens by their digests. Constant, for any thread.
class Tokens {
 public:
  // Lines "scope[,scope] sha256-in-hex [name]"; empty lines and those that begin with '#' are left out. Data
  // errors name file and line.
  static std::shared_ptr<const Tokens> read(const std::string& path);
  static std::shared_ptr<const Tokens> parse(std::string_view text, const std::string& path);

  struct Token {
    Scopes scopes;
    Sha256::Digest digest;
    std::string name;  // for logs; maybe empty
  };
  // Takes the same time whichever it is, or none.
  const Token* find(const Sha256::Digest& digest) const;

 private:
  std::vector<Token> tokens_;
};

// Thread-safe; what is no function is set before clients come.
class AccessRules {
 public:
  bool certificates = false;    // clients of TLS have shown one that we trust
  bool admin_endpoint = false;  // there is one where only administrators come in

  // What is allowed without a token or a certificate.
  void set_anonymous(Scopes scopes) { anonymous_.store(scopes, std::memory_order_relaxed); }

  std::shared_ptr<const Tokens> tokens() const {
    const std::lock_guard lock(mutex_);
    return tokens_;
  }
  void set_tokens(std::shared_ptr<const Tokens> tokens) {
    const std::lock_guard lock(mutex_);
    tokens_.swap(tokens);
  }

  enum class Verdict : std::uint8_t { allowed, unauthenticated, forbidden };
  struct Judgement {
    Verdict verdict = Verdict::allowed;
    std::shared_ptr<const Tokens> tokens = {};  // whose `token` is
    const Tokens::Token* token = nullptr;       // that the client has shown, where it mattered and is one
  };
  // `authorization` is the field of that name, where the request has one.
  Judgement check(Scope scope, const http::Peer& peer, std::optional<std::string_view> authorization,
                  Sha256& sha256) const;
  // Why it isn't allowed, and what would be: for the client.
  std::string reason(const Judgement& judgement, Scope scope, const http::Peer& peer,
                     std::optional<std::string_view> authorization) const;

 private:
  std::atomic<Scopes> anonymous_{Scopes::all_but_admin()};
  mutable std::mutex mutex_;
  std::shared_ptr<const Tokens> tokens_;  // null: there are none
};

}  // namespace nn::serve
