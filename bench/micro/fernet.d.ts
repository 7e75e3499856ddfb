declare module 'fernet' {
  const fernet: {
    readonly Secret: new (base64: string) => object;
    readonly Token: new (
      options: Readonly<{ secret: object; ttl: number; token?: string }>,
    ) => { encode(message: string): string; decode(): string };
  };
  export = fernet;
}
