// The strict parser must neither crash nor accept what it says it refuses: whatever it takes, it takes again
// after being written out, and no deeper than allowed.
#include "core/encoding.hpp"
#include "core/json.hpp"

#include <cstdlib>

#include <boost/json/serialize.hpp>

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const corohub::JsonLimits limits{8, 64};
  const auto value = corohub::parse_json(text, limits);
  if (!value) return 0;
  if (!corohub::is_utf8(text)) std::abort();
  if (corohub::depth(*value) > limits.depth + 1) std::abort();
  const std::string again = boost::json::serialize(*value);
  if (!corohub::is_utf8(again) || !corohub::parse_json(again, limits)) std::abort();
  return 0;
}
