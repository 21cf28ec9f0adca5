#include "flags/package_repository.hpp"

#include "core/json_text.hpp"
#include "flags/stored_entities.hpp"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace corohub::flags {
namespace {

// Prices are bound and read as texts with so many digits that none is lost.
std::optional<std::string> price_text(const Package& package) {
  if (!package.price) return std::nullopt;
  return number_text(*package.price);
}

double parse_price(const std::string& text) {
  double price = 0;
  std::from_chars(text.data(), text.data() + text.size(), price);
  return price;
}

// Sorted by their ids.
template <class Source>
std::unordered_map<std::int64_t, std::vector<Feature>> read_features(Source& source,
                                                                     std::int64_t namespace_id) {
  storage::Query query = source.query(
      "SELECT f.package_id, f.flag_id, f.limits FROM package_features AS f JOIN packages AS p ON p.id = "
      "f.package_id WHERE p.namespace_id = ? ORDER BY f.package_id, f.flag_id");
  query.bind(namespace_id);
  std::unordered_map<std::int64_t, std::vector<Feature>> features;
  while (query.next())
    features[query.integer(0)].push_back({query.integer(1), parse_stored(query.text(2)).as_object()});
  return features;
}

}  // namespace

template <class Source>
std::vector<PackageRef> read_packages(Source& source, std::int64_t namespace_id) {
  std::unordered_map<std::int64_t, std::vector<Feature>> features = read_features(source, namespace_id);
  return read_entities<Package>(source,
                                "SELECT id, key, name, version, created_at, updated_at, description, CASE "
                                "WHEN price IS NOT NULL THEN printf('%!.17g', price) END, currency, "
                                "billing_period, available FROM packages WHERE namespace_id = ? ORDER BY key",
                                namespace_id, [&](const storage::Query& row, Package& package) {
                                  package.description = row.text(6);
                                  if (const std::optional<std::string> price = row.text_or_null(7))
                                    package.price = parse_price(*price);
                                  package.currency = row.text_or_null(8);
                                  if (const std::optional<std::string> period = row.text_or_null(9))
                                    package.billing_period = parse_billing_period(*period);
                                  package.available = row.integer(10) != 0;
                                  if (const auto found = features.find(package.id); found != features.end())
                                    package.features = std::move(found->second);
                                });
}
template std::vector<PackageRef> read_packages(storage::Snapshot&, std::int64_t);
template std::vector<PackageRef> read_packages(storage::UnitOfWork&, std::int64_t);

// ---- writing ----

namespace {

void save_feature(storage::UnitOfWork& work, std::int64_t package_id, const Feature& feature) {
  work.query(
          "INSERT INTO package_features (package_id, flag_id, limits) VALUES (?, ?, ?) ON CONFLICT "
          "(package_id, flag_id) DO UPDATE SET limits = excluded.limits")
      .bind(package_id, feature.flag_id, json_text(feature.limits))
      .run();
}

std::optional<std::string_view> period_text(const Package& package) {
  if (!package.billing_period) return std::nullopt;
  return name(*package.billing_period);
}

}  // namespace

void insert_package(storage::UnitOfWork& work, std::int64_t namespace_id, Package& package) {
  work.query(
          "INSERT INTO packages (namespace_id, key, name, description, price, currency, billing_period, "
          "available, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(namespace_id, package.key, package.name, package.description, price_text(package),
            package.currency, period_text(package), package.available, package.version, package.created_at,
            package.updated_at)
      .run();
  package.id = work.last_insert_id();
  for (const Feature& one : package.features) save_feature(work, package.id, one);
}

void save_package(storage::UnitOfWork& work, const Package& before, const Package& after) {
  work.query(
          "UPDATE packages SET name = ?, description = ?, price = ?, currency = ?, billing_period = ?, "
          "available = ?, version = ?, updated_at = ? WHERE id = ?")
      .bind(after.name, after.description, price_text(after), after.currency, period_text(after),
            after.available, after.version, after.updated_at, after.id)
      .run();
  for (const Feature& one : before.features)
    if (after.feature(one.flag_id) == nullptr)
      work.query("DELETE FROM package_features WHERE package_id = ? AND flag_id = ?")
          .bind(after.id, one.flag_id)
          .run();
  for (const Feature& one : after.features) {
    const Feature* there = before.feature(one.flag_id);
    if (there == nullptr || *there != one) save_feature(work, after.id, one);
  }
}

void delete_package(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM packages WHERE id = ?").bind(id).run();
}

}  // namespace corohub::flags
