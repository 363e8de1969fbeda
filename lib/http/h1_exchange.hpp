// An exchange of HTTP/1.1. Internal to this module.
#pragma once

#include <cstdint>
#include <string>

#include "http/request_body.hpp"
#include "http/request_parser.hpp"

namespace nn::http {

class H1Connection;

inline constexpr std::string_view continue_text = "HTTP/1.1 100 Continue\r\n\r\n";

class H1Exchange final : public Exchange {
 public:
  enum class Stage : std::uint8_t {
    spare,      // of no request
    receiving,  // the handler has seen the head, if `begun`
    handling,   // the handler has it
    answered    // its answer waits for its turn, or is being sent
  };

  explicit H1Exchange(const Peer& peer) : peer_(peer) {}

  const Head& head() const override { return text_.head; }
  const Peer& peer() const override { return peer_; }
  std::string_view body() const override { return body_.view(); }
  std::uint64_t bytes_in() const override { return bytes_in_; }
  std::uint64_t bytes_out() const override { return bytes_out_; }
  void send() override;
  void send_message() override {}  // there are none in HTTP/1.1
  bool hold(std::uint64_t) override { return false; }
  void give_back(std::uint64_t) override {}
  bool gone() const override { return gone_; }

 private:
  friend class H1Connection;

  // For the next request.
  void clear();
  // Unless it is on its way.
  void forget_continue() {
    if (continue_left_ == continue_text.size()) continue_left_ = 0;
  }
  std::size_t memory() const {
    return body_.capacity() + response_.body.capacity() + answer_head_.capacity() + compressed_.capacity();
  }

  const Peer peer_;
  H1Connection* connection_ = nullptr;  // until it is completed
  HeadText text_;
  RequestBody body_;
  std::uint64_t bytes_in_ = 0, bytes_out_ = 0;  // of the answer: what has been sent so far
  std::string answer_head_, compressed_;
  std::string_view answer_body_;
  Stage stage_ = Stage::spare;
  std::uint64_t limit_ = 0;  // bytes of the body, once the handler has said it
  bool begun_ = false;       // the handler knows of it
  bool closes_ = false;      // the connection ends with its answer
  bool formatted_ = false;   // the answer is as it will be sent
  bool gone_ = false;
  std::size_t continue_left_ = 0;  // bytes of "100 Continue" that are to be sent
};

}  // namespace nn::http
