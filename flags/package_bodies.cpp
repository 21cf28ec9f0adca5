#include "flags/package_bodies.hpp"

#include "core/json_text.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/body_members.hpp"
#include "flags/change.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace corohub::flags {
namespace {

using http::Fields;

constexpr Words of_a_platform = {"name", "enabled", "config"};
constexpr Words of_a_package = {"name",           "description", "price",   "currency",
                                "billing_period", "available",   "features"};

// ---- platforms ----

Result<Platform> read_members(Fields& fields, std::string key) {
  Platform platform;
  platform.key = std::move(key);
  platform.name = read_name(fields, platform.key);
  platform.enabled = fields.boolean("enabled").value_or(true);
  const json::object* config = fields.object("config");
  platform.config = config == nullptr ? "{}" : json_text(*config);
  if (platform.config.size() > platform_config_bytes_max)
    fields.refuse("config", "out_of_range", "Must have at most 16 KiB.");
  if (const Result<> read = fields.result(); !read) return read.error();
  return platform;
}

// ---- packages ----

std::optional<double> read_price(Fields& fields, const json::object& document) {
  const json::value* price = document.if_contains("price");
  if (price == nullptr || price->is_null()) return std::nullopt;
  if (!price->is_number()) {
    fields.refuse("price", "invalid_type", "Must be a number, or null.");
    return std::nullopt;
  }
  const double number = price->to_number<double>();
  if (number < 0 || number > price_max) fields.refuse("price", "out_of_range", "Must be 0 to 1e12.");
  return number;
}

std::optional<BillingPeriod> read_billing_period(Fields& fields) {
  if (fields.is_null("billing_period")) return std::nullopt;
  const auto word = fields.one_of("billing_period", {"monthly", "yearly", "once"});
  return word ? parse_billing_period(*word) : std::nullopt;
}

bool is_scalar(const json::value& value) { return value.is_string() || value.is_number() || value.is_bool(); }

// The member `limits` of what a package says of one flag, whose place is `at`.
json::object read_limits_of(Fields& fields, const std::string& at) {
  const json::object* limits = fields.object("limits");
  if (limits == nullptr) return {};
  if (limits->size() > limits_max) {
    fields.refuse("limits", "out_of_range", "There may be 20 at most.");
    return {};
  }
  Fields members(*limits, at + "/limits");
  for (const json::key_value_pair& limit : *limits) {
    if (limit.key().empty()) members.refuse("", "too_short", "A limit has a name.");
    if (!is_scalar(limit.value()))
      members.refuse(limit.key(), "invalid_type", "Must be a text, a number or a boolean.");
  }
  if (members.ok() && json_text(*limits).size() > limits_bytes_max)
    fields.refuse("limits", "out_of_range", "Must have at most 4 KiB.");
  fields.merge(std::move(members));
  return *limits;
}

std::size_t limits_bytes(const std::vector<Feature>& features) {
  std::size_t bytes = 0;
  for (const Feature& one : features) bytes += json_text(one.limits).size();
  return bytes;
}

class FeatureReader {
 public:
  FeatureReader(Fields& fields, const Namespace& name_space) : fields_(fields), name_space_(name_space) {}

  std::vector<Feature> read(const json::object& document) && {
    const json::value* features = document.if_contains("features");
    if (features == nullptr) return {};
    const json::array* list = features->if_array();
    if (list == nullptr)
      fields_.refuse("features", "invalid_type", "Must be a list.");
    else if (list->size() > flags_max)
      fields_.refuse("features", "out_of_range", "There may be 2,000 at most.");
    else
      read_list(*list);
    return std::move(features_);
  }

 private:
  void read_list(const json::array& list) {
    std::size_t refused = 0;
    for (std::size_t i = 0; i < list.size() && refused < complaints_max; ++i)
      refused += read_one(list[i], std::to_string(i)) ? 0 : 1;
    std::ranges::sort(features_, {}, &Feature::flag_id);
    if (limits_bytes(features_) > package_limits_bytes_max)
      fields_.refuse("features", "out_of_range", "Their limits must have at most 256 KiB.");
  }

  bool read_one(const json::value& value, const std::string& number) {
    static const json::object nothing;
    const json::object* object = value.if_object();
    const std::string at = "/features/" + number;
    Fields fields(object != nullptr ? *object : nothing, at);
    if (object == nullptr) {
      Fields list(nothing, "/features");
      list.refuse(number, "invalid_type", "Must be an object.");
      fields_.merge(std::move(list));
      return false;
    }
    refuse_unknown(fields, *object, {"flag", "limits"});
    Feature feature;
    feature.limits = read_limits_of(fields, at);
    feature.flag_id = read_flag(fields);
    const bool good = fields.ok();
    fields_.merge(std::move(fields));
    if (good) features_.push_back(std::move(feature));
    return good;
  }

  std::int64_t read_flag(Fields& fields) {
    const std::string key = fields.required_text("flag", {.min = 1, .max = flag_key_bytes_max});
    if (!fields.ok()) return 0;
    const FlagIdentity* flag = find_identity(name_space_, key);
    if (flag == nullptr)
      fields.refuse("flag", "unknown_flag", "There is no such flag.");
    else if (std::ranges::find(features_, flag->id, &Feature::flag_id) != features_.end())
      fields.refuse("flag", "duplicate", "The package has this flag twice.");
    return flag == nullptr ? 0 : flag->id;
  }

  Fields& fields_;
  const Namespace& name_space_;
  std::vector<Feature> features_;
};

Result<Package> read_members(Fields& fields, const json::object& document, const Namespace& name_space,
                             std::string key) {
  Package package;
  package.key = std::move(key);
  package.name = read_name(fields, package.key);
  package.description = fields.text("description", {.max = description_max, .controls = true}).value_or("");
  package.price = read_price(fields, document);
  if (!fields.is_null("currency"))
    package.currency = fields.text("currency", {.min = 1, .max = currency_max});
  package.billing_period = read_billing_period(fields);
  package.available = fields.boolean("available").value_or(true);
  package.features = FeatureReader(fields, name_space).read(document);
  if (const Result<> read = fields.result(); !read) return read.error();
  return package;
}

}  // namespace

Result<Platform> read_new_platform(const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, {"key", "name", "enabled", "config"});
  std::string key = read_key(fields);
  return read_members(fields, std::move(key));
}

Result<Platform> read_platform(const Platform& base, const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, of_a_platform, server_members(base));
  return read_members(fields, base.key);
}

Result<Platform> patch_platform(const Platform& base, const json::object& patch) {
  return patched(to_json(base), patch, of_a_platform, server_members(base), {},
                 [&](Fields& fields, const json::object&) { return read_members(fields, base.key); });
}

Result<Package> read_new_package(const Namespace& name_space, const json::object& body) {
  Fields fields(body);
  refuse_unknown(
      fields, body,
      {"key", "name", "description", "price", "currency", "billing_period", "available", "features"});
  std::string key = read_key(fields);
  return read_members(fields, body, name_space, std::move(key));
}

Result<Package> read_package(const Namespace& name_space, const Package& base, const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, of_a_package, server_members(base));
  return read_members(fields, body, name_space, base.key);
}

Result<Package> patch_package(const Namespace& name_space, const Package& base, const json::object& patch) {
  return patched(to_json(name_space, base), patch, of_a_package, server_members(base), {},
                 [&](Fields& fields, const json::object& document) {
                   return read_members(fields, document, name_space, base.key);
                 });
}

Result<json::object> read_limits(const json::object& body) {
  Fields fields(body);
  refuse_unknown(fields, body, {"limits"});
  json::object limits = read_limits_of(fields, {});
  if (const Result<> read = fields.result(); !read) return read.error();
  return limits;
}

Result<Package> with_feature(Package package, Feature feature) {
  const auto place = std::ranges::lower_bound(package.features, feature.flag_id, {}, &Feature::flag_id);
  if (place != package.features.end() && place->flag_id == feature.flag_id)
    *place = std::move(feature);
  else
    package.features.insert(place, std::move(feature));
  if (limits_bytes(package.features) > package_limits_bytes_max)
    return Error(ErrorCode::validation_failed)
        .at("/limits", "out_of_range", "The limits of a package must have at most 256 KiB.");
  return package;
}

}  // namespace corohub::flags
