/** The client closed the connection before it had everything. Nothing is wrong here and nobody is left to be told. */
export class ClientGone extends Error {
  constructor() {
    super('the client closed the connection');
    this.name = 'ClientGone';
  }
}
