import Datasets
import Images

/// A tar of drawn pictures: `train/<kind>/<n>.png`.
func pictureArchive(count: Int) throws -> [UInt8] {
  let pictures = DemoPictures(seed: 7, side: 32)
  return archive(
    try (0..<count).map { index in
      let name = "train/\(pictures.kind(at: index).rawValue)/\(index).png"
      return (name, try pictures.picture(at: index).png())
    })
}

/// A tar of files.
func archive(_ files: [(name: String, bytes: [UInt8])]) -> [UInt8] {
  files.flatMap { tarEntry($0.name, $0.bytes) } + [UInt8](repeating: 0, count: 1024)
}

/// One file of a tar in POSIX's ustar form.
private func tarEntry(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
  let padding = (512 - bytes.count % 512) % 512
  return tarHead(name, byteCount: bytes.count) + bytes + [UInt8](repeating: 0, count: padding)
}

/// What stands before a file's bytes in a tar.
func tarHead(_ name: String, byteCount: Int) -> [UInt8] {
  var head = [UInt8](repeating: 0, count: 512)
  func write(_ text: String, at offset: Int) {
    head.replaceSubrange(offset..<offset + text.utf8.count, with: Array(text.utf8))
  }
  func octal(_ value: Int, digits: Int) -> String {
    let text = String(value, radix: 8)
    return String(repeating: "0", count: digits - text.count) + text
  }
  write(name, at: 0)
  write("0000644", at: 100)
  write("0000000", at: 108)
  write("0000000", at: 116)
  write(octal(byteCount, digits: 11), at: 124)
  write("00000000000", at: 136)
  write("        ", at: 148)
  write("0", at: 156)
  write("ustar", at: 257)
  write("00", at: 263)
  let sum = head.reduce(0) { $0 + Int($1) }
  write(octal(sum, digits: 6) + "\0 ", at: 148)
  return head
}
