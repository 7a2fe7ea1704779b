import HTTP

/// The routes of the echo server.
func echoRoutes(file: OpenFile, folder: String) -> [Route] {
  let large = 2 << 30
  var routes = [
    Route.immediate("GET", "/", handler: { _ in .text("ok\n") }),
    Route("POST", "/", bodyLimit: large) { request in
      Response(
        contentType: request.headers["Content-Type"] ?? "application/octet-stream",
        bytes: try await request.body.collect())
    },
    Route.immediate(
      "GET", "/kib",
      handler: { _ in
        Response(contentType: "application/octet-stream", bytes: kibibyte)
      }),
    Route("GET", "/pool") { _ in
      Response(contentType: "application/octet-stream", bytes: kibibyte)
    },
    Route("GET", "/events") { _ in
      .events { writer in
        for number in 0... {
          try await writer.event("tick", data: "\(number)")
          try await Task.sleep(for: .seconds(1))
        }
      }
    },
    Route("POST", "/upload", bodyLimit: large, handler: listParts),
    Route.immediate(
      "GET", "/file",
      handler: { request in
        try .file(file, contentType: "application/octet-stream", for: request)
      }),
    Route("PUT", "/disk", bodyLimit: .max) { try await takeToDisk($0, folder: folder) },
    Route("POST", "/sink", bodyLimit: .max) { request in
      var count = 0
      for try await chunk in request.body { count += chunk.count }
      return .text("\(count)\n")
    },
  ]
  for method in ["GET", "POST", "PUT", "PATCH"] {
    routes.append(Route(method, "/echo", bodyLimit: large, handler: listHeaders))
    routes.append(Route(method, "/cookie", bodyLimit: large, handler: listCookies))
    routes.append(Route(method, "/json", bodyLimit: large, handler: describe))
  }
  routes.append(Route("DELETE", "/json", bodyLimit: large, handler: describe))
  return routes
}

private let kibibyte = [UInt8](repeating: 0x78, count: 1024)

private func listHeaders(_ request: Request) async throws -> Response {
  _ = try await request.body.collect()
  var bytes: [UInt8] = []
  for field in request.headers.fields {
    bytes += Array(field.name.utf8) + [0x3A, 0x20] + Array(field.value.utf8) + [0x0A]
  }
  return Response(contentType: "text/plain", bytes: bytes)
}

private func listCookies(_ request: Request) async throws -> Response {
  _ = try await request.body.collect()
  let pairs = request.headers.all("Cookie").flatMap { $0.split(separator: ";") }
  let lines = pairs.map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
  return .text(lines.map { "\($0)\n" }.joined())
}

/// The request as JSON with every string in base64.
private func describe(_ request: Request) async throws -> Response {
  let body = try await request.body.collect()
  let fields = request.headers.fields.map { field in
    "[\"\(base64(Array(field.name.utf8)))\",\"\(base64(Array(field.value.utf8)))\"]"
  }
  let members = [
    ("method", Array(request.method.utf8)),
    ("version", Array("HTTP/1.\(request.minorVersion)".utf8)),
    ("uri", Array(request.rawTarget.utf8)), ("body", body),
  ].map { "\"\($0.0)\":\"\(base64($0.1))\"" }
  let text = "{\(members.joined(separator: ",")),\"headers\":[\(fields.joined(separator: ","))]}"
  return .json(Array(text.utf8))
}

/// The parts of a form with their sizes and digests.
private func listParts(_ request: Request) async throws -> Response {
  var reader = try MultipartReader(request)
  var parts: [(part: MultipartPart, size: Int, digest: SHA256)] = []
  while let event = try await reader.next() {
    switch event {
    case .part(let part): parts.append((part, 0, SHA256()))
    case .data(let bytes):
      parts[parts.count - 1].size += bytes.count
      parts[parts.count - 1].digest.update(bytes)
    }
  }
  let items = parts.map { item in
    var digest = item.digest
    let filename = item.part.filename.map(quoted) ?? "null"
    return "{\"name\":\(quoted(item.part.name)),\"filename\":\(filename),\"size\":\(item.size),"
      + "\"sha256\":\"\(digest.finish())\"}"
  }
  return .json(Array("[\(items.joined(separator: ","))]".utf8))
}

/// A JSON string.
private func quoted(_ text: String) -> String {
  var out = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": out += "\\\""
    case "\\": out += "\\\\"
    case _ where scalar.value < 0x20:
      let code = String(scalar.value, radix: 16)
      out += "\\u" + String(repeating: "0", count: 4 - code.count) + code
    default: out.unicodeScalars.append(scalar)
    }
  }
  return out + "\""
}

/// RFC 4648 base64 with padding.
func base64(_ bytes: [UInt8]) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  var out: [UInt8] = []
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << (8 * UInt32(3 - group.count))
    for digit in 0..<4 {
      let index = Int(word >> UInt32(18 - 6 * digit) & 63)
      out.append(digit <= group.count ? alphabet[index] : 0x3D)
    }
  }
  return String(decoding: out, as: UTF8.self)
}
