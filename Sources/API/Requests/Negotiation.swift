import HTTP

extension Request {
  /// The first of `offers` that `Accept` likes best; the first offer where there is no such header.
  ///
  /// - Throws: `APIError` 406 with the list where none is accepted.
  func negotiated(_ offers: [String]) throws(APIError) -> String {
    let field = headers.all("Accept").joined(separator: ",")
    guard !field.isEmpty else { return offers[0] }
    let ranges = field.split(separator: ",").map(MediaRange.init)
    let rated = offers.map { offer in (offer, quality(of: offer, ranges)) }
    guard let best = rated.max(by: { $0.1 < $1.1 }), best.1 > 0,
      let first = rated.first(where: { $0.1 == best.1 })
    else {
      throw APIError(
        .notAcceptable, "Accept allows none of \(offers.joined(separator: ", ")).")
    }
    return first.0
  }

  /// The quality of the most specific range that matches; 0 where none does.
  private func quality(of offer: String, _ ranges: [MediaRange]) -> Double {
    let matching = ranges.filter { $0.matches(offer) }
    return matching.max { $0.specificity < $1.specificity }?.quality ?? 0
  }
}

/// One element of `Accept`.
private struct MediaRange {
  var type: String
  var quality: Double

  init(_ text: Substring) {
    let parts = text.split(separator: ";").map { part in
      String(part.filter { $0 != " " && $0 != "\t" }).lowercased()
    }
    type = parts.first ?? ""
    quality = parts.first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
  }

  var specificity: Int { type == "*/*" ? 0 : type.hasSuffix("/*") ? 1 : 2 }

  func matches(_ offer: String) -> Bool {
    type == "*/*" || type == offer || (type.hasSuffix("/*") && offer.hasPrefix(type.dropLast()))
  }
}
