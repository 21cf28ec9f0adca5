#include "gateway/ofrep/answers.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"
#include "core/json_text.hpp"

#include <utility>

namespace corohub::gateway::ofrep {
namespace {

// What is enough to tell apart the answers to one client.
constexpr std::size_t hash_bytes = 16;

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += digits[bytes[i] >> 4];
    text += digits[bytes[i] & 15];
  }
  return text;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json(out, name);
  out += ':';
  append_json(out, text);
}

Error bad_context(std::string detail) { return Error(ErrorCode::invalid_request, std::move(detail)); }

void count(const flags::Evaluation& evaluation, ReasonCounts& counts) {
  ++counts[static_cast<std::size_t>(evaluation.reason)];
}

}  // namespace

http::Response refuse(const Error& error, const http::Request& request) {
  const std::string_view details = error.detail.empty() ? name(error.code) : std::string_view(error.detail);
  std::string members = R"({"errorCode":"GENERAL",)";
  append_member(members, "errorDetails", details);
  members += '}';
  return http::problem(Error(error).with(std::move(members)), request);
}

http::Response invalid_context(const Error& error, std::string_view key) {
  http::Response response;
  response.status = 400;
  response.body = "{";
  if (!key.empty()) {
    append_member(response.body, "key", key);
    response.body += ',';
  }
  response.body += R"("errorCode":"INVALID_CONTEXT",)";
  append_member(response.body, "errorDetails", error.detail);
  response.body += '}';
  return response;
}

Result<flags::Context> read_context(std::string_view body) {
  if (body.empty()) return flags::Context::read({});
  Result<json::value> parsed = parse_json(body);
  if (!parsed) return parsed.error();
  json::object* const object = parsed->if_object();
  if (object == nullptr) return bad_context("The body must be a JSON object.");
  json::value* const context = object->if_contains("context");
  if (context == nullptr || context->is_null()) return flags::Context::read({});
  if (!context->is_object()) return bad_context("The context must be an object.");
  return flags::Context::read(std::move(context->get_object()), body.size());
}

http::Response flag_answer(const flags::Standing& who, const flags::Environment& environment,
                           const flags::Context& context, const flags::Flag* flag, std::string_view key,
                           std::int64_t now_s, ReasonCounts& counts) {
  http::Response response;
  if (flag == nullptr) {
    response.status = 404;
    flags::append_flag_not_found(response.body, key);
    return response;
  }
  flags::Evaluator evaluator(environment, context, now_s);
  const flags::Evaluation evaluation = evaluator.evaluate(*flag);
  count(evaluation, counts);
  if (evaluation.error != flags::EvaluationError::none) response.status = 400;
  flags::append_evaluation(response.body, environment, evaluation, nullptr, who.limits_of(*flag->identity));
  return response;
}

std::string flag_items(const flags::Standing& who, const flags::Environment& environment,
                       const flags::Context& context, std::int64_t now_s, ReasonCounts& counts) {
  constexpr std::size_t item_bytes_expected = 128;
  std::string items;
  items.reserve(item_bytes_expected * environment.flags().size());
  flags::Evaluator evaluator(environment, context, now_s);
  for (const flags::Flag& flag : environment.flags()) {
    if (!who.sees(flag)) continue;
    const flags::Evaluation evaluation = evaluator.evaluate(flag);
    count(evaluation, counts);
    if (!items.empty()) items += ',';
    flags::append_evaluation(items, environment, evaluation, nullptr, who.limits_of(*flag.identity));
  }
  return items;
}

std::string bulk_body(const flags::Namespace& name_space, const flags::Environment& environment,
                      std::string_view items, std::string_view stream_token) {
  std::string body;
  body.reserve(items.size() + stream_token.size() + 512);
  body.append(R"({"flags":[)").append(items).append(R"(],"metadata":)");
  flags::append_set_metadata(body, name_space.key, environment);
  body.append(R"(,"eventStreams":[{"type":"sse","endpoint":{"requestUri":"/ofrep/v1/events?t=)")
      .append(stream_token)
      .append(R"("},"inactivityDelaySec":)")
      .append(std::to_string(inactivity_delay_s))
      .append("}]}");
  return body;
}

std::string bulk_tag(Seq revision, std::string_view of, std::int64_t window) {
  const Sha256 hash = sha256(of);
  return "\"r" + std::to_string(revision) + "-" + hex(hash.data(), hash_bytes) + "-" +
         std::to_string(window) + "\"";
}

}  // namespace corohub::gateway::ofrep
