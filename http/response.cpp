#include "http/response.hpp"

#include <boost/json/serialize.hpp>

namespace corohub::http {

Response success(const json::value& data, int status) {
  json::object envelope;
  envelope["success"] = true;
  envelope["data"] = data;
  return document(std::move(envelope), status);
}

Response success(const json::value& data, const json::object& meta) {
  json::object envelope;
  envelope["success"] = true;
  envelope["data"] = data;
  envelope["meta"] = meta;
  return document(std::move(envelope));
}

Response document(const json::value& value, int status) {
  Response response;
  response.status = status;
  response.body = json::serialize(value);
  return response;
}

Response no_content() {
  Response response;
  response.status = 204;
  response.content_type = {};
  return response;
}

}  // namespace corohub::http
