// A session's answers as they go out.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/json_text.hpp"
#include "http/h2_session.hpp"
#include "http/inflate.hpp"
#include "http/response_head.hpp"

namespace nn::http {
namespace {

// Values that differ from answer to answer would only push others out of the table of HPACK.
constexpr std::array<std::string_view, 3> varying{"x-request-id", "traceparent", "server-timing"};

constexpr std::size_t least_compressed = 1 << 10;
constexpr std::uint8_t literal = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

}  // namespace

void H2Session::answer(H2Stream& stream) {
  if (stream.closed_) {
    --lost_;
    release(stream);
  } else if (!stream.final_) {
    submit(stream);
  }
}

void H2Session::answer_message(H2Stream& stream) {
  const std::string& message = stream.response().body;
  const auto prefix = grpc_prefix(message.size());
  if (stream.unsent() == 0) stream.unsent_until_ = now_ + thread_.limits.write_timeout;
  stream.queue_.append(prefix.data(), prefix.size()).append(message);
  if (stream.unanswered_ > 0) --stream.unanswered_;
  if (stream.paused_) can_resume_ = true;
  if (!stream.head_sent_) {
    submit_response(stream, true);
  } else if (stream.deferred_) {
    stream.deferred_ = false;
    nghttp2_session_resume_data(session_.get(), stream.id_);
  }
  output();
}

// The last that is said about it.
void H2Session::submit(H2Stream& stream) {
  stream.final_ = true;
  stream.discarding_ = stream.discarding_ || stream.streaming_;
  stream.held_.clear();
  stream.unsent_until_ = now_ + thread_.limits.write_timeout;
  if (stream.head_.grpc) {
    submit_grpc(stream);
  } else {
    submit_rest(stream);
  }
  if (stream.response().close && stream.handed_) drain();
  output();
}

void H2Session::submit_rest(H2Stream& stream) {
  const Response& response = stream.response();
  if (thread_.limits.compress && response.may_compress && stream.demands_.accepts_gzip) compress(stream);
  submit_response(stream,
                  stream.head_.method != Method::head && !response.body.empty() && has_body(response.status));
}

void H2Session::compress(H2Stream& stream) {
  const std::string& body = stream.response().body;
  if (body.size() < least_compressed) return;
  if (!thread_.compressor) thread_.compressor = std::make_shared<Compressor>();
  thread_.compressor->compress(body, stream.queue_);
  stream.compressed_ = stream.queue_.size() < body.size();
}

void H2Session::submit_grpc(H2Stream& stream) {
  if (stream.head_sent_) {
    if (!stream.deferred_) return;
    stream.deferred_ = false;
    nghttp2_session_resume_data(session_.get(), stream.id_);
    return;
  }
  const bool message =
      !stream.streaming_ && !stream.faulty_ && stream.response().grpc_status == StatusCode::ok;
  if (message) {
    stream.answer_prefix_ = grpc_prefix(stream.response().body.size());
    stream.answer_prefix_size_ = stream.answer_prefix_.size();
  }
  submit_response(stream, message);
}

// The head of an answer; without a body it is all of it.
void H2Session::submit_response(H2Stream& stream, bool with_body) {
  const Response& response = stream.response();
  const bool grpc = stream.head_.grpc;
  fields_.clear();
  scratch_.clear();
  std::array<char, 4> status{};
  if (grpc || response.status == 200) {
    add_field(":status", "200", literal);
  } else {
    const int shown = std::clamp(response.status, 200, 599);
    const char* const end = std::to_chars(status.data(), status.data() + status.size(), shown).ptr;
    add_field(":status", {status.data(), end}, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  // Sent as it is then: one text for all answers, which the table of HPACK would fill with.
  add_field("date", thread_.date.at(thread_.clock.date()), literal | NGHTTP2_NV_FLAG_NO_INDEX);
  std::array<char, 24> length{};
  if (grpc) {
    add_field("content-type", "application/grpc", literal);
  } else {
    const std::size_t size = stream.compressed_ ? stream.queue_.size() : response.body.size();
    add_rest_fields(stream, {length.data(), std::to_chars(length.begin(), length.end(), size).ptr});
  }
  // A handler may be changing the response of a stream that is answered in its place.
  if (!grpc || !stream.faulty_) add_fields(response.fields);
  if (grpc && !with_body) add_status(stream);
  stream.head_sent_ = true;
  stream.with_body_ = with_body;
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t size,
                              std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    return static_cast<H2Session*>(user)->read_answer(*static_cast<H2Stream*>(source->ptr), size, *flags);
  };
  const int error = nghttp2_submit_response(session_.get(), stream.id_, fields_.data(), fields_.size(),
                                            with_body ? &provider : nullptr);
  if (error != 0)
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_INTERNAL_ERROR);
}

void H2Session::add_rest_fields(H2Stream& stream, std::string_view length) {
  const Response& response = stream.response();
  if (has_body(response.status)) {
    if (!response.content_type.empty()) add_field("content-type", response.content_type);
    add_field("content-length", length, NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  if (stream.compressed_) add_field("content-encoding", "gzip", literal);
  if (thread_.limits.compress && response.may_compress) add_field("vary", "Accept-Encoding", literal);
}

// Fields of gRPC's status, as trailers or as the only ones.
void H2Session::add_status(H2Stream& stream) {
  const Response& response = stream.response();
  const StatusCode status = stream.faulty_ ? stream.fault_ : response.grpc_status;
  const std::string& text = stream.faulty_ ? stream.fault_text_ : response.grpc_message;
  add_field("grpc-status", digits_of(status), literal);
  if (!text.empty()) {
    append_percent_encoded(scratch_, text);
    add_field("grpc-message", scratch_, NGHTTP2_NV_FLAG_NO_INDEX | NGHTTP2_NV_FLAG_NO_COPY_NAME);
  }
  if (stream.fault_encoding_) add_field("grpc-accept-encoding", grpc_encodings, literal);
  if (!stream.faulty_) add_fields(response.trailers);
}

void H2Session::submit_trailers(H2Stream& stream) {
  fields_.clear();
  scratch_.clear();
  add_status(stream);
  if (nghttp2_submit_trailer(session_.get(), stream.id_, fields_.data(), fields_.size()) != 0)
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_INTERNAL_ERROR);
}

void H2Session::add_field(std::string_view name, std::string_view value, std::uint8_t flags) {
  // libnghttp2 takes what it doesn't change by pointers that could.
  const auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  fields_.push_back({bytes(name), bytes(value), name.size(), value.size(), flags});
}

// The first of them puts the name into the table, which the others are sent as a number for.
std::uint8_t H2Session::flags_for(std::string_view name) {
  const auto at = static_cast<std::size_t>(std::find(varying.begin(), varying.end(), name) - varying.begin());
  if (at == varying.size()) return NGHTTP2_NV_FLAG_NONE;
  const unsigned bit = 1u << at;
  const bool named = (named_ & bit) != 0;
  named_ |= bit;
  return named ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
}

void H2Session::add_fields(const Fields& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto [name, value] = fields[i];
    const auto* const text = reinterpret_cast<const std::uint8_t*>(value.data());
    // A client would break the connection.
    if (plain_in_json(value) != value.size() && nghttp2_check_header_value(text, value.size()) == 0) continue;
    add_field(name, value, flags_for(name));
  }
}

ssize_t H2Session::read_answer(H2Stream& stream, std::size_t length, std::uint32_t& flags) {
  const std::size_t unsent = stream.unsent(), size = std::min(length, unsent);
  if (size == 0 && !stream.final_) {
    stream.deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (stream.final_ && size == unsent) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.head_.grpc) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      submit_trailers(stream);
    }
  }
  return static_cast<ssize_t>(size);
}

// False where enough is collected: libnghttp2 would go on with all frames of data that there are.
bool H2Session::write_data(H2Stream& stream, const std::uint8_t* frame_head, std::size_t length) {
  if (out_->size() >= most_) return false;
  constexpr std::size_t head_bytes = 9;
  out_->append(reinterpret_cast<const char*>(frame_head), head_bytes);
  stream.unsent_until_ =
      put_off(stream.unsent_until_, length, thread_.limits.body_rate, now_ + thread_.limits.write_timeout);
  while (length > 0) {
    const std::string_view piece = stream.next_piece().substr(0, length);
    out_->append(piece);
    length -= piece.size();
    stream.advance(piece.size());
  }
  if (stream.paused_ && !is_full(stream)) can_resume_ = true;
  return true;
}

void H2Session::frame_sent(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_DATA && frame.hd.type != NGHTTP2_HEADERS) return;
  auto* const stream =
      static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session_.get(), frame.hd.stream_id));
  if (stream == nullptr) return;
  stream->bytes_out_ += frame.hd.length;
  if ((frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  stream->end_sent_ = true;
  ++finished_;
  if (nghttp2_session_get_stream_remote_close(session_.get(), frame.hd.stream_id) == 0)
    answered_early(*stream);
}

// The client has its answer, and hasn't sent all of its request. There are clients that forget an answer when
// the reset comes before they have sent it (curl 7.88), so that the rest may come for a while, as far as the
// stream's window goes. Clients of gRPC wait for just that reset, and so does the same curl where the
// answer's end came with its head, as a gRPC status does.
void H2Session::answered_early(H2Stream& stream) {
  if (stream.head_.grpc) return stop_request(stream);
  stream.lingers_until_ = now_ + linger_time;
  stream.tell_done(true);
}

// The client need not send the rest (RFC 9113 8.1).
void H2Session::stop_request(const H2Stream& stream) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream.id_, NGHTTP2_NO_ERROR);
}

}  // namespace nn::http
