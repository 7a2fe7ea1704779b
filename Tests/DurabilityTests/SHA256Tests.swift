import CDigest
import Durability
import Testing

@Suite struct `SHA-256` {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
    (
      String(repeating: "a", count: 1_000_000),
      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    ),
  ])
  func `digests are those of the standard's examples`(text: String, digest: String) {
    #expect(SHA256.hexDigest(of: Array(text.utf8)) == digest)
    var pieces = SHA256()
    var rest = Array(text.utf8)[...]
    var size = 1
    while !rest.isEmpty {
      pieces.update(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
      size = size % 150 + 7
    }
    #expect(pieces.hexDigest() == digest)
  }

  @Test func `the processor's instructions and plain C agree`() {
    let bytes = (0..<64 * 50).map { UInt8(truncatingIfNeeded: $0 * $0 / 7 + $0) }
    for blockCount in [0, 1, 2, 50] {
      var (fast, plain) = ([UInt32](1...8), [UInt32](1...8))
      unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe byol_sha256_blocks(&fast, bytes.baseAddress, blockCount)
        unsafe byol_sha256_blocks_plain(&plain, bytes.baseAddress, blockCount)
      }
      #expect(fast == plain)
      #expect((fast == [UInt32](1...8)) == (blockCount == 0))
    }
  }
}
