/** docs/schemas/relay/relay.v1.proto as descriptors in JSON: the package holds no file that is read at run time. */
export const RELAY_PROTOCOL = {
  nested: {
    engram: {
      nested: {
        relay: {
          nested: {
            v1: {
              nested: {
                Relay: {
                  methods: {
                    Submit: { requestType: "SubmitRequest", responseType: "SubmitReply" },
                    Successions: { requestType: "SuccessionsRequest", responseType: "SuccessionsReply" },
                  },
                },
                SubmitRequest: {
                  fields: {
                    payload: { type: "bytes", id: 1 },
                    signed_hash: { type: "string", id: 2 },
                    anchor_block: { type: "uint64", id: 3 },
                  },
                },
                SubmitReply: {
                  fields: {
                    status: { type: "SubmitStatus", id: 1 },
                    receipt: { type: "string", id: 2 },
                    received_at_ms: { type: "uint64", id: 3 },
                    retry_after_seconds: { type: "uint32", id: 4 },
                  },
                },
                SubmitStatus: {
                  values: {
                    SUBMIT_STATUS_UNSPECIFIED: 0,
                    ACCEPTED: 1,
                    DUPLICATE: 2,
                    PENDING_QUORUM: 3,
                    PENDING_CHAIN: 4,
                  },
                },
                SuccessionsRequest: { fields: {} },
                SuccessionsReply: { fields: { successions: { type: "string", id: 1 } } },
              },
            },
          },
        },
      },
    },
  },
} as const;

export const RELAY_SERVICE = "engram.relay.v1.Relay";
/** How messages are read; whole numbers beyond 2^53 come rounded and are refused later. */
export const READING = { keepCase: true, longs: Number, enums: String, defaults: true } as const;
